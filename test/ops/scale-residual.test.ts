import { describe, expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { toMaps, toRows } from '../../src/ops/layout/op.ts';
import { scaleResidual, scaleResidualGradient } from '../../src/ops/scale-residual/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

const SIZES = [
  [3, 37, 5, 7],
  [1, 36, 18, 18],
] as const;
const FORMS = [
  { from: 'rows', gamma: true, mask: true },
  { from: 'rows', gamma: false, mask: true },
  { from: 'rows', gamma: false, mask: false },
  { from: 'nchw', gamma: true, mask: true },
  { from: 'nchw', gamma: true, mask: false },
] as const;

for (const attrs of FORMS) {
  const cases = SIZES.map(([n, c, h, w]) => {
    const branch = attrs.from === 'rows' ? f32(n * h * w, c) : f32(n, c, h, w);
    const vectors = [...(attrs.gamma ? [f32(c)] : []), ...(attrs.mask ? [f32(n)] : [])];
    return { maps: f32(n, c, h, w), branch, vectors };
  });
  testOp(
    scaleResidual,
    cases.map(({ maps, branch, vectors }) => ({ inputs: [maps, branch, ...vectors], attrs })),
  );
  testOp(
    scaleResidualGradient,
    cases.map(({ maps, branch, vectors }) => ({
      inputs: [...(attrs.gamma ? [branch] : []), maps, ...vectors],
      attrs,
    })),
  );
  const branch = attrs.from === 'rows' ? f32(12, 4) : f32(2, 4, 2, 3);
  const vectors = [...(attrs.gamma ? [f32(4)] : []), ...(attrs.mask ? [f32(2)] : [])];
  testGradient(scaleResidual, [
    { inputs: [f32(2, 4, 2, 3), branch, ...vectors], attrs, wrt: attrs.gamma ? [0, 1, 2] : [0, 1] },
  ]);
}

testOp(
  toRows,
  SIZES.map((size) => ({ inputs: [f32(...size)], attrs: {} })),
);
testOp(
  toMaps,
  SIZES.map(([n, c, h, w]) => ({ inputs: [f32(n * h * w, c)], attrs: { n, h, w } })),
);
testGradient(toRows, [{ inputs: [f32(2, 3, 2, 2)], attrs: {} }]);
testGradient(toMaps, [{ inputs: [f32(8, 3)], attrs: { n: 2, h: 2, w: 2 } }]);

describe('layouts', () => {
  it('put channels last in (n, h, w) order', () => {
    const [y] = toRows.reference([Float64Array.of(1, 2, 3, 4, 5, 6)], [f32(1, 2, 1, 3)], {});
    expect([...y!]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it.each([
    [[f32(2, 3), f32(2, 3)], { from: 'nchw', gamma: false, mask: false } as const, 'needs maps'],
    [[f32(1, 3, 2, 2), f32(3, 4)], { from: 'rows', gamma: false, mask: false } as const, 'expected (4, 3)'],
    [[f32(1, 3, 2, 2), f32(4, 3)], { from: 'rows', gamma: true, mask: false } as const, 'takes 3 inputs'],
  ])('reject %j', (inputs, attrs, message) => {
    expect(() => scaleResidual.infer(inputs, attrs)).toThrow(message);
  });
});
