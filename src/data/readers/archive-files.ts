/** Random reads from many large files with few open handles. */
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { FrameworkError, messageOf } from '../../util/errors.ts';

const MAX_OPEN = 32;

/** Reads byte ranges of files, keeping the most recently used handles open. One per data set. */
export class ArchiveFiles {
  private readonly handles = new Map<string, Promise<FileHandle>>();

  /**
   * Exactly `length` bytes at `offset` of the file `path`.
   * @throws FrameworkError `data/truncated` if the file ends before
   */
  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    const handle = await this.handle(path);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
      if (bytesRead === 0)
        throw new FrameworkError(
          'data/truncated',
          `${path}: ${length} bytes asked at ${offset}, but the file ends after ${offset + done}`,
          { hint: 'the file is incomplete or was replaced while in use; fetch it again' },
        );
      done += bytesRead;
    }
    return buffer;
  }

  async close(): Promise<void> {
    const handles = [...this.handles.values()];
    this.handles.clear();
    await Promise.allSettled(handles.map(async (handle) => (await handle).close()));
  }

  private handle(path: string): Promise<FileHandle> {
    const known = this.handles.get(path);
    if (known !== undefined) this.handles.delete(path);
    const handle = known ?? open(path, 'r').catch((error: unknown) => Promise.reject(unreadable(path, error)));
    this.handles.set(path, handle); // last in the map = most recently used
    if (this.handles.size > MAX_OPEN) {
      const [oldest, first] = [...this.handles][0] as [string, Promise<FileHandle>];
      this.handles.delete(oldest);
      // close() of a FileHandle waits for its pending reads; a handle that never opened needs no closing.
      first.then((file) => file.close()).catch(() => undefined);
    }
    return handle;
  }
}

/** Size in bytes and time of change of a file. @throws FrameworkError `data/not-found` */
export async function fileStamp(path: string): Promise<{ size: number; mtimeMs: number }> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { size, mtimeMs };
  } catch (error) {
    throw unreadable(path, error);
  }
}

export function unreadable(path: string, error: unknown): FrameworkError {
  return new FrameworkError('data/not-found', `cannot read ${path}: ${messageOf(error)}`, {
    hint: 'check the data folder and the name of the split',
    cause: error,
  });
}
