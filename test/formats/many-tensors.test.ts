import { open, readFile } from 'node:fs/promises';
import { zipSync } from 'fflate';
import { afterEach, expect, it, vi } from 'vitest';
import { inspectWeights } from '../../src/training/weights/inspect.ts';
import { golden, temporaryFolder, writeTo } from './fixtures.ts';

const folder = await temporaryFolder();
afterEach(() => vi.restoreAllMocks());

/** A file of as many tensors of one element, and how long its header is. */
async function fileOf(count: number): Promise<{ path: string; header: number }> {
  const entries = Array.from({ length: count }, (_, i) => [
    `stages.${i % 5}.${i}.weight`,
    { dtype: 'U8', shape: [1], data_offsets: [i, i + 1] },
  ]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const bytes = Buffer.concat([length, header, Buffer.alloc(count)]);
  return { path: await writeTo(folder, `${count}.safetensors`, bytes), header: header.length };
}

it('a header of many tensors is parsed once, entry by entry', async () => {
  const { path, header } = await fileOf(500);
  const parsed = vi.spyOn(JSON, 'parse');
  expect((await inspectWeights(path, { weights: 'raw' })).tensors).toHaveLength(500);
  const lengths = parsed.mock.calls.map(([text]) => text.length);
  expect(lengths.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(header);
  expect(Math.max(...lengths)).toBeLessThan(100);
});

it('inspecting a file takes time in proportion to its tensors', async () => {
  const small = await fileOf(1_000);
  const large = await fileOf(8_000);
  const leastOf3 = async (path: string) => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const before = process.cpuUsage();
      await inspectWeights(path, { weights: 'raw' });
      times.push(process.cpuUsage(before).user);
    }
    return Math.min(...times);
  };
  await leastOf3(small.path);
  // Eight times the tensors: 8 where time is linear, 64 where it is quadratic.
  expect((await leastOf3(large.path)) / (await leastOf3(small.path))).toBeLessThan(25);
});

it('headers of small members of an archive are read many at a time', async () => {
  const array = await readFile(golden('v1.npy'));
  const members = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`layer.${i}.weight.npy`, array]));
  const path = await writeTo(folder, 'many.npz', zipSync(members, { level: 0 }));
  const handle = await open(path);
  const read = vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, 'read');
  await handle.close();
  const { tensors } = await inspectWeights(path, { weights: 'raw' });
  expect(tensors.at(-1)).toEqual({ name: 'layer.299.weight', dtype: 'F32', shape: [2, 3, 4] });
  expect(read.mock.calls.length).toBeLessThan(15);
});

it('a name with a raw line break is not JSON', async () => {
  const header = Buffer.from('{"a\nb":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = await writeTo(folder, 'raw.safetensors', Buffer.concat([length, header]));
  await expect(inspectWeights(path, { weights: 'raw' })).rejects.toThrow(/its header is not JSON/);
});
