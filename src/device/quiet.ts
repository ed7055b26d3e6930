/** Keeps what Dawn prints by itself out of standard error. */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as wasi from 'node:wasi';
import { isMainThread } from 'node:worker_threads';

/** Printed of every Vulkan device on every look at the adapters; it says nothing of a kind that kernels use. */
const NOISE = /^Warning: max\w+ artificially reduced .*\n?/gm;
const STDERR = 2;

/**
 * Runs `work` and takes {@link NOISE} out of what native code writes to standard error meanwhile; everything else stays. From a file
 * the lines are taken out again, elsewhere they go to a temporary file first. The latter only on the main thread, and while no other
 * thread opens files: the lowest free descriptor must be the one that was closed.
 */
export function withoutNoise<T>(work: () => T): T {
  if (fstatSync(STDERR).isFile()) return takenOut(work);
  return process.platform === 'win32' || !isMainThread ? work() : redirected(work);
}

/** Where standard error is a file: the shell may hold it open too, so it must stay the same descriptor at the right place. */
function takenOut<T>(work: () => T): T {
  const start = fstatSync(STDERR).size;
  try {
    return work();
  } finally {
    const { size } = fstatSync(STDERR);
    const text = size > start ? written(start, size) : '';
    const kept = text.replace(NOISE, '');
    if (kept !== text && position() === size && fstatSync(STDERR).size === size) {
      ftruncateSync(STDERR, start);
      seekTo(start);
      if (kept !== '') writeSync(STDERR, kept);
    }
  }
}

/** What standard error's file holds from `start` to `end`, or nothing where the system does not let it be read. */
function written(start: number, end: number): string {
  try {
    const descriptor = openSync(`/dev/fd/${STDERR}`, 'r');
    try {
      const bytes = Buffer.alloc(end - start);
      return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, start));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return '';
  }
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

type Seek = (descriptor: number, offset: bigint, from: 0 | 1, result: number) => number;
interface Memory {
  readonly buffer: ArrayBuffer;
}
let seek: { readonly call: Seek; readonly memory: Memory } | undefined;

/** Where the next write to standard error goes. */
function position(): number {
  const { call, memory } = (seek ??= systemSeek());
  call(STDERR, 0n, 1, 0);
  return Number(new DataView(memory.buffer).getBigUint64(0, true));
}

function seekTo(offset: number): void {
  (seek ??= systemSeek()).call(STDERR, BigInt(offset), 0, 0);
}

/** `lseek`, which Node offers to WebAssembly alone. */
function systemSeek(): NonNullable<typeof seek> {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { Memory: new (pages: { initial: number }) => Memory };
  };
  const { WASI } = withoutWarnings(() => createRequire(import.meta.url)('node:wasi') as typeof wasi);
  const system = new WASI({ version: 'preview1' });
  const memory = new WebAssembly.Memory({ initial: 1 });
  system.initialize({ exports: { memory } });
  return { call: (system.wasiImport as { fd_seek: Seek }).fd_seek, memory };
}

/** Node warns of modules that are experimental. */
function withoutWarnings<T>(work: () => T): T {
  const { emitWarning } = Object.getOwnPropertyDescriptors(process);
  process.emitWarning = () => undefined;
  try {
    return work();
  } finally {
    Object.defineProperty(process, 'emitWarning', emitWarning);
  }
}
