/** Keeps what Dawn prints by itself out of standard error. */
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/** Printed of every Vulkan device on every look at the adapters; it says nothing of a kind that kernels use. */
const NOISE = /^Warning: max\w+ artificially reduced .*\n?/gm;
const STDERR = 2;

/**
 * Runs `work` and takes {@link NOISE} out of what native code writes to a terminal or a pipe meanwhile; everything else stays. A file, which
 * other processes may write to at a position that all share, is left alone, as is a socket. Only on the main thread, and while no other
 * thread opens files: the lowest free descriptor must be the one that was closed.
 */
export function withoutNoise<T>(work: () => T): T {
  const isQuiet = process.platform !== 'win32' && isMainThread && !fstatSync(STDERR).isFile();
  return isQuiet ? redirected(work) : work();
}

function redirected<T>(work: () => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'largekernel-'));
  const kept = openAgain(STDERR);
  const log = openSync(join(folder, 'stderr'), 'a+');
  rmSync(folder, { recursive: true });
  try {
    if (kept === undefined) return work();
    point(log);
    try {
      return work();
    } finally {
      point(kept);
      const text = readAll(log).replace(NOISE, '');
      if (text !== '') writeSync(STDERR, text);
    }
  } finally {
    closeSync(log);
    if (kept !== undefined) closeSync(kept);
  }
}

/** Another descriptor of the same terminal or pipe; sockets have none. */
function openAgain(descriptor: number): number | undefined {
  try {
    return openSync(`/dev/fd/${descriptor}`, 'a');
  } catch {
    return undefined;
  }
}

/** Makes standard error what `descriptor` is. */
function point(descriptor: number): void {
  closeSync(STDERR);
  openSync(`/dev/fd/${descriptor}`, 'a');
}

function readAll(descriptor: number): string {
  const bytes = Buffer.alloc(fstatSync(descriptor).size);
  readSync(descriptor, bytes, 0, bytes.length, 0);
  return bytes.toString();
}
