/** Standard output and error may end before the command does: `recipes | head`, a closed terminal, a sweep that was killed. */
import { messageOf } from '../util/errors.ts';
import { EXIT_CODES } from './errors.ts';

const listeners = new Set<() => void>();

/** From now on a reader that has gone ends the command, quietly, unless it asked to be told. */
export function guardOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'EIO' || error.code === 'ECONNRESET') {
        if (listeners.size === 0) process.exit(process.exitCode ?? 0);
        for (const listener of listeners) listener();
        return;
      }
      process.stderr.write(`error: the output cannot be written: ${messageOf(error)}\n`);
      process.exit(EXIT_CODES['file']);
    });
}

/** Calls `listener` instead of ending when nobody reads any more, at every write. @returns ends that */
export function onBrokenOutput(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Everything written so far has left this process. */
export async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((done) =>
      stream.write('', () => {
        done();
      }),
    );
}
