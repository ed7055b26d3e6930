import { readFile, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSafetensors, writeSafetensors } from '../../src/formats/safetensors.ts';
import type { TensorToWrite } from '../../src/formats/safetensors.ts';
import { failure, temporaryFolder, writeTo } from './fixtures.ts';

const folder = await temporaryFolder();

const tensors: TensorToWrite[] = [
  { name: 'b.weight', dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, -2, 3.5, NaN) },
  { name: '10', dtype: 'I32', shape: [3], data: () => Int32Array.of(1, -2, 3) },
  { name: 'steps', dtype: 'I64', shape: [], data: async () => BigInt64Array.of(12345678901n) },
  { name: 'a', dtype: 'F32', shape: [0, 4], data: new Float32Array() },
];

describe('writing safetensors', () => {
  it('reads back what was written, and writes the same bytes in any order', async () => {
    const [one, two] = [join(folder, 'one.safetensors'), join(folder, 'two.safetensors')];
    await writeSafetensors(one, tensors, { z: '1', a: 'ä' });
    await writeSafetensors(two, [...tensors].reverse(), { a: 'ä', z: '1' });
    expect(await readFile(one)).toEqual(await readFile(two));
    const file = await openSafetensors(one);
    expect(file.names()).toEqual(['steps', '10', 'a', 'b.weight']);
    expect([...file.metadata]).toEqual([
      ['a', 'ä'],
      ['z', '1'],
    ]);
    expect([...(await file.read('b.weight'))]).toEqual([1, -2, 3.5, NaN]);
    expect([...(await file.readInts('10'))]).toEqual([1, -2, 3]);
    expect([...(await file.readInts('steps'))]).toEqual([12345678901]);
    expect(file.info('a')).toEqual({ dtype: 'F32', shape: [0, 4] });
    await file.close();
  });

  it('starts its data at a multiple of eight, widest elements first', async () => {
    const path = join(folder, 'aligned.safetensors');
    await writeSafetensors(path, tensors);
    const bytes = await readFile(path);
    expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0);
    expect(bytes.toString('utf8', 8, 40)).toContain('{"steps":');
  });

  it('refuses what does not fit and leaves no file', async () => {
    const path = join(folder, 'bad.safetensors');
    const bad = (tensor: Partial<TensorToWrite>) =>
      failure(
        writeSafetensors(path, [
          { name: 'x', dtype: 'F32', shape: [2], data: new Float32Array(2), ...tensor },
        ]),
      );
    for (const tensor of [
      { shape: [3] },
      { shape: [-1] },
      { dtype: 'I32' as const },
      { name: '__metadata__' },
    ])
      expect(await bad(tensor)).toMatchObject({ code: 'formats/bad-tensor' });
    expect(await failure(writeSafetensors(path, [tensors[0]!, tensors[0]!]))).toMatchObject({
      code: 'formats/bad-tensor',
    });
    expect((await readdir(folder)).filter((name) => name.includes('bad'))).toEqual([]);
  });
});

it('reads beyond the first hundred megabytes', async () => {
  const half = 100_000_000;
  const entry = (begin: number) => ({ dtype: 'U8', shape: [half], data_offsets: [begin, begin + half] });
  const header = Buffer.from(JSON.stringify({ a: entry(0), b: entry(half) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = await writeTo(folder, 'large.safetensors', Buffer.concat([length, header]));
  await truncate(path, 8 + header.length + 2 * half); // sparse: takes no space
  const file = await openSafetensors(path);
  expect(file.names()).toEqual(['a', 'b']);
  await file.close();
});

describe('a safetensors header that lies', () => {
  const entry = '"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}';
  it.each([
    ['is cut short', '{"x"', 8, /not JSON/],
    ['is no object', '[]      ', 0, /not a JSON object/],
    ['has a dtype nobody knows', '{"x":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}', 8, /dtype "F31"/],
    [
      'has a dtype of Object',
      '{"x":{"dtype":"toString","shape":[2],"data_offsets":[0,8]}}',
      8,
      /dtype "toString"/,
    ],
    ['has a negative size', '{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}', 8, /shape \[-2\]/],
    [
      'has a huge shape',
      '{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}',
      8,
      /shape/,
    ],
    [
      'needs other bytes than it has',
      '{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}',
      8,
      /needs 12 bytes/,
    ],
    ['has offsets turned round', '{"x":{"dtype":"F32","shape":[0],"data_offsets":[8,0]}}', 8, /give -8/],
    ['names a tensor twice', `{${entry},${entry}}`, 8, /"x" twice/],
    [
      'names a tensor twice in other letters',
      `{${entry},${entry.replace('"x"', '"\\u0078"')}}`,
      8,
      /"x" twice/,
    ],
    ['overlaps', `{${entry},${entry.replace('x', 'y')}}`, 8, /starts at byte 0 of the data, expected 8/],
    [
      'leaves a gap',
      `{${entry},"y":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}}`,
      10,
      /byte 9 .* expected 8/,
    ],
    ['reaches past the end', `{${entry}}`, 7, /need 8 bytes of data, the file has 7/],
    ['stops before the end', `{${entry}}`, 9, /need 8 bytes of data, the file has 9/],
    ['has metadata that is not text', '{"__metadata__":{"a":1}}', 0, /__metadata__\.a/],
  ])('%s', async (_, header, dataBytes, message) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const path = await writeTo(
      folder,
      'lie.safetensors',
      Buffer.concat([length, Buffer.from(header), Buffer.alloc(dataBytes)]),
    );
    const error = await failure(openSafetensors(path));
    expect(error).toMatchObject({ code: 'formats/corrupt' });
    expect(String(error)).toMatch(message);
  });

  it('claims a length beyond the file or beyond all sense', async () => {
    for (const length of [9n, 100_000_001n, 2n ** 63n]) {
      const bytes = Buffer.alloc(16, '{');
      bytes.writeBigUInt64LE(length);
      const path = await writeTo(folder, 'long.safetensors', bytes);
      expect(String(await failure(openSafetensors(path)))).toMatch(/its header claims/);
    }
  });
});
