/**
 * While anything is awaited, Dawn's binding for Node polls in every turn of the event loop, which occupies a core. A software adapter
 * computes on that core, so for those adapters the event loop sleeps briefly in each turn.
 */

const REST_MS = 0.25;
const never = new Int32Array(new SharedArrayBuffer(4));
let awaited = 0;
/** Whether a sleep is already scheduled: a turn must not sleep twice. */
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
