/** Small data sets for the tests of `src/data/`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { Dataset } from '../../src/data/dataset.ts';

/** A file of `test/golden/datasets/`, made by `make.py` there. */
export function golden(path: string): string {
  return fileURLToPath(new URL(`../golden/datasets/${path}`, import.meta.url));
}

/** A folder that is removed after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'largekernel-data-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files with their folders; returns `root`. */
export function writeTree(root: string, files: Record<string, string | Uint8Array>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

/** Everything a reader gives, for comparison. */
export async function contents(
  dataset: Dataset,
): Promise<{ key: string; label: number; width: number; height: number; pixels: string }[]> {
  const rows = [];
  for (let i = 0; i < dataset.length; i++) {
    const { width, height, data } = await dataset.read(i);
    rows.push({
      key: dataset.key(i),
      label: dataset.label(i),
      width,
      height,
      pixels: Buffer.from(data).toString('base64'),
    });
  }
  await dataset.close();
  return rows;
}

/** CIFAR-10 records with reproducible pixels; sample i has label i mod 10. */
export function cifarRecords(count: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(count * 3073);
  let state = seed;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = i % 3073 === 0 ? (i / 3073) % 10 : state >>> 24;
  }
  return bytes;
}

/** An IDX file of unsigned bytes. */
export function idx(dims: number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * dims.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x800 + dims.length);
  dims.forEach((dim, i) => view.setUint32(4 + 4 * i, dim));
  bytes.set(data, 4 + 4 * dims.length);
  return bytes;
}

/** A tar header block with a right checksum. @param size octal digits, or the bytes of the field */
export function tarHeader(name: string, size: string | Uint8Array, type = '0'): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  if (typeof size === 'string') block.write(size, 124);
  else block.set(size, 124);
  block.write(type, 156);
  return sealTarHeader(block);
}

/** Writes the checksum of a header block into it. */
export function sealTarHeader(block: Buffer): Buffer {
  block.fill(32, 148, 156);
  const sum = block.subarray(0, 512).reduce((a, b) => a + b, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
