/**
 * Dawn's binding for Node asks in every turn of the event loop whether what is awaited is done, which keeps a core busy. Where that
 * core is one of those that compute, the event loop rests a little in each turn while something is awaited.
 */

const REST_MS = 0.25;
const never = new Int32Array(new SharedArrayBuffer(4));
let awaited = 0;

/** Awaits work of a software adapter without taking a core from it. */
export async function patiently<T>(work: Promise<T>): Promise<T> {
  if (awaited++ === 0) setImmediate(rest);
  try {
    return await work;
  } finally {
    awaited--;
  }
}

function rest(): void {
  if (awaited === 0) return;
  Atomics.wait(never, 0, 0, REST_MS);
  setImmediate(rest);
}
