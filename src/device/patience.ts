import { pollBy } from '../util/polling.ts';

/** What is awaited of a software adapter, which computes on the core that polling would occupy. */

/** Of what a wait has lasted, the part that its next turn sleeps: short waits end promptly, long ones cost nothing. */
const SHARE = 0.25;
/** ms */
const LONGEST = 0.25;
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
  return Math.min(LONGEST, SHARE * (performance.now() - since));
}
