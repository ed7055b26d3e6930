/**
 * The end of a process while a device works for it. Native threads that compile or compute run on while `process.exit` takes their
 * driver down, which ends in a crash; so what is under way may finish first, for a little while, and nothing else begins.
 */

const underWay = new Set<Promise<unknown>>();
let isLeaving = false;

/** `work` of a native thread. Once the process is leaving, whoever awaits it goes no further. */
export async function untilLeaving<T>(work: Promise<T>): Promise<T> {
  underWay.add(work);
  try {
    return await work;
  } finally {
    underWay.delete(work);
    if (isLeaving) await new Promise<never>(() => undefined);
  }
}

/**
 * Lets what is under way finish, before `process.exit`.
 * @param ms at most; a long step of a software adapter is not waited for
 * @returns whether it finished; otherwise only {@link endBySignal} ends the process without a crash
 */
export async function leave(ms: number): Promise<boolean> {
  isLeaving = true;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, ms, 'late')));
  // What was about to begin may have begun meanwhile.
  while (underWay.size > 0) if ((await Promise.race([Promise.allSettled(underWay), late])) === 'late') break;
  clearTimeout(timer);
  return underWay.size === 0;
}

/**
 * Ends the process as the signal does where nobody listens: every thread stops at once, and nothing takes a driver down. A shell sees 130
 * (INT) or 143 (TERM).
 */
export function endBySignal(signal: 'SIGINT' | 'SIGTERM'): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
