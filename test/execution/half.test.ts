import { describe, expect, it } from 'vitest';
import { floatToHalf, halfToFloat } from '../../src/formats/dtype.ts';
import { storeAsHalf } from '../../src/shader/half.ts';
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

describe('storage in 16 bits', () => {
  const declare = (name: string, binding: number, type = 'f32') =>
    `@group(0) @binding(${binding}) var<storage, read_write> ${name}: array<${type}>;`;

  it('widens what is read and rounds what is written, and leaves other bindings alone', () => {
    const code = `${declare('x', 0)}\n${declare('y', 1)}\ny[i] = x[j[2]] * p.x[3]; // x[0]\nx[x2[i]] = y[i] +\n  x[i];`;
    const [, , first, , ...rest] = storeAsHalf(code, [0]).split('\n');
    expect(storeAsHalf(code, [0]).split('\n')[0]).toBe(`enable f16; ${declare('x', 0, 'f16')}`);
    expect(first).toBe('y[i] = f32(x[j[2]]) * p.x[3]; // x[0]');
    expect(rest.join('\n')).toBe('  f32(x[i]));');
  });

  it('knows vectors and aliases', () => {
    const code = `alias Item = vec4f;\n${declare('y', 1, 'Item')}\ny[i] = y[i] + v;`;
    expect(storeAsHalf(code, [1]).split('\n').slice(1)).toEqual([
      declare('y', 1, 'vec4h'),
      'y[i] = vec4h(vec4f(y[i]) + v);',
    ]);
  });

  it.each([
    ['y[i] += 1.0;', /written other than/],
    ['y[i].x = 1.0;', /written other than/],
    ['let a = 1;', undefined],
  ])('%s', (line, message) => {
    const store = () => storeAsHalf(`${declare('y', 0, 'vec4f')}\n${line}`, [0]);
    if (message === undefined) expect(store()).toContain(line);
    else expect(store).toThrow(message);
  });

  it('refuses bindings that are not arrays of floats', () => {
    expect(() => storeAsHalf(declare('y', 0, 'u32'), [0])).toThrow(/array of u32/);
    expect(() => storeAsHalf(declare('y', 0), [1])).toThrow(/binding 1 is not an array/);
  });
});

describe.each(adapters)('every op with matrices and maps in 16 bits on %s', (kind) => {
  it.each(OPS.map((op) => [op.name, op] as const))('%s', async (_name, op) => {
    const { device, pipelines } = await deviceFor(kind);
    if (!device.features.has('shader-f16')) return;
    expect((await proveOp(device, pipelines, op, op.examples.map(halved))).failure).toBeUndefined();
  });
});
