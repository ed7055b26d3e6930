/** Reading parts of a file by offset, so that a tensor costs only its own bytes. */
import { openRegular, readError } from '../util/files.ts';
import { corrupt } from './tensor-file.ts';

export interface RangeFile {
  readonly path: string;
  /** bytes */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, in a buffer of their own. @throws FrameworkError `formats/corrupt` past the end */
  readonly read: (offset: number, length: number) => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

/** Opens a regular file. @throws FrameworkError `file/missing`, `file/read` */
export async function openRange(path: string): Promise<RangeFile> {
  try {
    const handle = await openRegular(path);
    const { size } = await handle.stat();
    return {
      path,
      size,
      read: async (offset, length) => {
        if (!(offset >= 0 && length >= 0 && offset + length <= size))
          throw corrupt(path, `bytes ${offset} to ${offset + length} were asked for, the file has ${size}`);
        const bytes = new Uint8Array(length);
        for (let done = 0; done < length;) {
          const { bytesRead } = await handle.read(
            bytes,
            done,
            Math.min(1 << 30, length - done),
            offset + done,
          );
          if (bytesRead === 0)
            throw corrupt(path, `it ends at byte ${offset + done}, it had ${size} when opened`);
          done += bytesRead;
        }
        return bytes;
      },
      close: () => handle.close(),
    };
  } catch (error) {
    throw readError(path, error);
  }
}

/** Runs `make`, and closes the file if it fails. */
export async function closingOnError<T>(file: RangeFile, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Bytes. */
const BLOCK = 65_536;

/** `file` with short reads answered from a block that is kept: an archive of many small members is not read by tens of bytes. */
export function inBlocks(file: RangeFile): RangeFile {
  let block: { start: number; bytes: Uint8Array } = { start: 0, bytes: new Uint8Array(0) };
  return {
    ...file,
    read: async (offset, length) => {
      const end = offset + length;
      if (length > BLOCK || end > file.size) return file.read(offset, length);
      if (offset < block.start || end > block.start + block.bytes.length)
        block = { start: offset, bytes: await file.read(offset, Math.min(BLOCK, file.size - offset)) };
      return block.bytes.slice(offset - block.start, end - block.start);
    },
  };
}
