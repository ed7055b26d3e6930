import { describe, expect, it } from 'vitest';
import { floatToHalf, halfToFloat } from '../../src/formats/dtype.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { halved, proveOp } from '../../src/execution/prove.ts';
import { OPS } from '../../src/execution/kernels.ts';

describe('halves', () => {
  it('round trip: every finite half is nearest to itself', () => {
    for (let bits = 0; bits < 65536; bits++)
      if ((bits & 0x7c00) !== 0x7c00) expect(floatToHalf(halfToFloat(bits))).toBe(bits);
  });

  it.each([
    [1 + 2 ** -11, 1], // ties to even
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    [65519, 65504],
    [65520, Infinity],
    [-1e9, -Infinity],
    [2 ** -25, 0],
    [1.5 * 2 ** -25, 2 ** -24],
    [2 ** -14 - 2 ** -26, 2 ** -14],
  ])('%d is stored as %d', (value, stored) => {
    expect(halfToFloat(floatToHalf(value))).toBe(stored);
  });
});

describe.each(adapters)('every op with matrices and maps in 16 bits on %s', (kind) => {
  it.each(OPS.map((op) => [op.name, op] as const))('%s', async (_name, op) => {
    const { device, pipelines } = await deviceFor(kind);
    if (!device.features.has('shader-f16')) return;
    expect((await proveOp(device, pipelines, op, op.examples.map(halved))).failure).toBeUndefined();
  });
});
