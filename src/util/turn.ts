/**
 * Lets the event loop turn once, so that signals and timers are handled. For work on this thread that would otherwise block for seconds.
 * @example for (const part of parts) { await nextTurn(); compute(part); }
 */
export function nextTurn(): Promise<void> {
  // Browsers have no setImmediate.
  return new Promise((resolve) => void (globalThis.setImmediate ?? setTimeout)(resolve));
}
