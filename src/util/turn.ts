/**
 * Lets the event loop turn once, so that signals and timers are handled. For work on this thread that would otherwise block for seconds.
 * @example for (const part of parts) { await nextTurn(); compute(part); }
 */
export function nextTurn(): Promise<void> {
  // Browsers have no setImmediate.
  return new Promise((resolve) => void (globalThis.setImmediate ?? setTimeout)(resolve));
}

/** Keeps an error that comes before anyone waits for it from ending the process; whoever awaits it still gets it. */
export function started<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
