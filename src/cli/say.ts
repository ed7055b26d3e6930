import { Worker } from 'node:worker_threads';
import { duration, makeReporter, withSigns } from '../training/log/reporter.ts';

/** A line on standard error: results go to standard output, everything else here. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Says what a command is at where it takes longer than a few seconds. @example await underWay('reading a.pth', () => read('a.pth')) */
export async function underWay<T>(
  what: string | (() => string),
  work: () => Promise<T>,
  isQuiet = false,
): Promise<T> {
  const begun = performance.now();
  const text = () =>
    `${typeof what === 'string' ? what : what()}, ${duration((performance.now() - begun) / 1000)} so far`;
  const style = isQuiet ? 'quiet' : process.stderr.isTTY ? 'terminal' : 'lines';
  return withSigns(makeReporter(style), text, work);
}

/** A thread writes to the file descriptor itself: what threads print otherwise waits for the main thread. */
const LATE = `const { workerData: { line, ms } } = require('node:worker_threads');
setTimeout(() => require('node:fs').writeSync(2, line + '\\n'), ms);`;

/**
 * Says a line on standard error after a time, though this thread may be blocked by then.
 * @returns takes it back
 */
export function sayLater(line: string, ms: number): () => void {
  const worker = new Worker(LATE, { eval: true, execArgv: [], workerData: { line, ms } });
  worker.unref();
  return () => void worker.terminate();
}
