import { pollBy } from '../util/polling.ts';

/** What is awaited of a software adapter, which computes on the core that polling would occupy. */

const PAUSE = 0.25;
let awaited = 0;

/** Awaits work of a software adapter without taking a core from it. */
export async function patiently<T>(work: Promise<T>): Promise<T> {
  awaited++;
  pollBy(pauseWhileAwaited);
  try {
    return await work;
  } finally {
    awaited--;
  }
}

function pauseWhileAwaited(): number | undefined {
  return awaited > 0 ? PAUSE : undefined;
}
