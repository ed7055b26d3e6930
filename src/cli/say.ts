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
