import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openNpy, writeNpy } from '../../src/formats/npy.ts';
import { golden, readExpected, temporaryFolder, writeTo } from './fixtures.ts';

const folder = await temporaryFolder();

it('writes the bytes NumPy writes, and reads them back', async () => {
  const path = join(folder, 'w.npy');
  const values = Float32Array.from({ length: 24 }, (_, i) => i);
  await writeNpy(path, values, [2, 3, 4]);
  const numpy = await readFile(golden('v1.npy'));
  // v1.npy is the same array in Fortran order: headers differ in that word and one space, values in their order.
  expect((await readFile(path)).toString('latin1', 0, 128)).toBe(
    numpy.toString('latin1', 0, 128).replace('True', 'False').replace(' \n', '\n'),
  );
  const file = await openNpy(path);
  expect(file.info('array')).toEqual({ dtype: 'F32', shape: [2, 3, 4] });
  expect(await file.read('array')).toEqual(values);
  await file.close();
  for (const shape of [[], [1], [1, 1]]) {
    await writeNpy(path, Float32Array.of(7), shape);
    const one = await openNpy(path);
    expect(one.info('array').shape).toEqual(shape);
    await one.close();
  }
  await expect(writeNpy(path, values, [5])).rejects.toMatchObject({ code: 'formats/bad-tensor' });
});

it('turns Fortran order into C order', async () => {
  const file = await openNpy(golden('v1.npy'));
  expect([...(await file.read('array'))]).toEqual((await readExpected())['v1.npy']!.array!.values);
  await file.close();
});

it.each([
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os'), ), }", /not that of a plain array/],
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1, }", /not that of a plain array/],
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (2,,1), }", /its shape/],
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", /does not fit/],
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", /does not fit the 8 bytes/],
  ["{'descr': '|V2', 'fortran_order': False, 'shape': (4,), }", /its type \|V2/],
])('refuses the header %s', async (literal, message) => {
  const head = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${literal}\n`, 'latin1');
  head.writeUInt16LE(literal.length + 1, 8);
  const path = await writeTo(folder, 'bad.npy', Buffer.concat([head, Buffer.alloc(8)]));
  await expect(openNpy(path)).rejects.toThrow(message);
});
