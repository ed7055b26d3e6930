/**
 * Dawn's binding for Node asks in every turn of the event loop whether what is awaited is done, which keeps a core busy. Where that
 * core is one of those that compute, the event loop rests a little in each turn while something is awaited.
 */

const REST_MS = 0.25;
const never = new Int32Array(new SharedArrayBuffer(4));
let awaited = 0;
/** Whether the next turn rests: there must not be a second rest in a turn. */
let isResting = false;

/** Awaits work of a software adapter without taking a core from it. */
export async function patiently<T>(work: Promise<T>): Promise<T> {
  awaited++;
  if (!isResting) {
    isResting = true;
    setImmediate(rest);
  }
  try {
    return await work;
  } finally {
    awaited--;
  }
}

function rest(): void {
  isResting = awaited > 0;
  if (!isResting) return;
  Atomics.wait(never, 0, 0, REST_MS);
  setImmediate(rest);
}
