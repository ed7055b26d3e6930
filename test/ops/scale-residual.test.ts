import { describe, expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { scaleResidual, scaleResidualGradient } from '../../src/ops/scale-residual/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

const SIZES = [
  [3, 37, 5, 7],
  [1, 36, 18, 18],
] as const;
const FORMS = [
  { from: 'rows', withGamma: true, withMask: true },
  { from: 'rows', withGamma: false, withMask: true },
  { from: 'rows', withGamma: false, withMask: false },
  { from: 'nchw', withGamma: true, withMask: true },
  { from: 'nchw', withGamma: true, withMask: false },
] as const;

for (const { from, withGamma, withMask } of FORMS) {
  const inputsOf = ([n, c, h, w]: readonly [number, number, number, number]) => ({
    x: f32(n, c, h, w),
    branch: from === 'rows' ? f32(n * h * w, c) : f32(n, c, h, w),
    gamma: withGamma ? f32(c) : undefined,
    mask: withMask ? f32(n) : undefined,
  });
  const attrs = { from };
  testOp(
    scaleResidual,
    SIZES.map((size) => ({ inputs: inputsOf(size), attrs })),
  );
  testOp(
    scaleResidualGradient,
    SIZES.map((size) => {
      const { x, branch, gamma, mask } = inputsOf(size);
      return { inputs: { branch: gamma && branch, dy: x, gamma, mask }, attrs };
    }),
  );
  testGradient(scaleResidual, [
    { inputs: inputsOf([2, 4, 2, 3]), attrs, wrt: ['x', 'branch', ...(withGamma ? ['gamma'] : [])] },
  ]);
}

const TOKENS = { from: 'tokens' } as const;
const tokensOf = (n: number, tokens: number, c: number) => ({
  x: f32(n * tokens, c),
  branch: f32(n * tokens, c),
  mask: f32(n),
});
testOp(scaleResidual, [
  { inputs: tokensOf(3, 5, 37), attrs: TOKENS },
  { inputs: tokensOf(1, 65, 64), attrs: TOKENS },
]);
testOp(scaleResidualGradient, [
  { inputs: { dy: f32(15, 37), mask: f32(3) }, attrs: TOKENS },
  { inputs: { dy: f32(65, 64), mask: f32(1) }, attrs: TOKENS },
]);
testGradient(scaleResidual, [{ inputs: tokensOf(2, 3, 4), attrs: TOKENS, wrt: ['x', 'branch'] }]);

describe('scale-residual', () => {
  it.each([
    [{ x: f32(6, 3), branch: f32(6, 3) }, 'tokens' as const, 'a mask of as many images'],
    [{ x: f32(6, 3), branch: f32(6, 3), mask: f32(4) }, 'tokens' as const, 'a mask of as many images'],
    [{ x: f32(6, 3), branch: f32(3, 6), mask: f32(2) }, 'tokens' as const, 'expected (6, 3)'],
    [{ x: f32(2, 3), branch: f32(2, 3) }, 'nchw' as const, 'needs maps'],
    [{ x: f32(1, 3, 2, 2), branch: f32(3, 4) }, 'rows' as const, 'expected (4, 3)'],
    [{ x: f32(1, 3, 2, 2), branch: f32(4, 3), gamma: f32(4) }, 'rows' as const, 'expected (3)'],
  ])('rejects %j', (inputs, from, message) => {
    expect(() => scaleResidual.infer(inputs, { from })).toThrow(message);
  });

  it('rejects a gradient of gamma without the branch', () => {
    const inputs = { dy: f32(1, 3, 2, 2), gamma: f32(3) };
    expect(() => scaleResidualGradient.infer(inputs, { from: 'rows' })).toThrow('branch and gamma together');
  });
});
