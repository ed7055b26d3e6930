import { afterEach, expect, it, vi } from 'vitest';
import { inspectWeights } from '../../src/training/weights/inspect.ts';
import { temporaryFolder, writeTo } from './fixtures.ts';

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
