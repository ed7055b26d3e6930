/**
 * Lets the event loop go round once: signals are heard and timers run. For work on this thread that would take seconds in one piece.
 * @example for (const part of parts) { await nextTurn(); compute(part); }
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
