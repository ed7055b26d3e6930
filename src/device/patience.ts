import { pollBy } from '../util/polling.ts';

/** What is awaited of a software adapter, which computes on the core that polling would occupy. */

/** So long a wait polls in every turn: a rest is longer than it asks to be, and would be the greater part of the shortest waits. ms */
const PROMPT = 2;
/** Rest of a turn after that, ms. */
const PAUSE = 0.25;
let awaited = 0;
let since = 0;

/** Awaits work of a software adapter without taking a core from it for long. */
export async function patiently<T>(work: Promise<T>): Promise<T> {
  if (awaited === 0) since = performance.now();
  awaited++;
  pollBy(pauseWhileAwaited);
  try {
    return await work;
  } finally {
    awaited--;
  }
}

function pauseWhileAwaited(): number | undefined {
  if (awaited === 0) return undefined;
  return performance.now() - since < PROMPT ? 0 : PAUSE;
}
