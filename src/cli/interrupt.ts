import { FrameworkError } from '../util/errors.ts';
import { EXIT_INTERRUPTED } from './errors.ts';

/**
 * Runs something long that stops by itself when its signal says so: the first interrupt lets it finish what it is at, the
 * second ends the process. Either way the exit code is that of an interrupted command.
 */
export async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
    process.stderr.write('\nfinishing what is under way; once more to stop at once\n');
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  try {
    await work(stop.signal);
  } catch (error) {
    if (!(error instanceof FrameworkError) || error.code !== 'evaluate/aborted') throw error;
    process.stderr.write(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}\n`);
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}
