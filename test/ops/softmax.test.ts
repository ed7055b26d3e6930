import { describe, expect, it } from 'vitest';
import { testGradient, testKernels, testOp } from './harness.ts';
import { softmaxGradientKernels, softmaxKernels } from '../../src/ops/softmax/kernels.ts';
import { softmax, softmaxGradient } from '../../src/ops/softmax/op.ts';
import { softmaxReference } from '../../src/ops/softmax/reference.ts';
import { f32 } from '../../src/ops/tensor.ts';

const one = (...shape: number[]) => ({ inputs: { x: f32(...shape) }, attrs: {} });
const two = (...shape: number[]) => ({ inputs: { y: f32(...shape), dy: f32(...shape) }, attrs: {} });

// Powers of e that f32 cannot hold, and a row in which one number is all.
const LARGE = { x: Float64Array.of(1000, 999, 998, -1000, -1000, -1000, 0, 500, -500) };

const forward = [one(5, 37), one(70, 1), one(2, 3, 785), { ...one(3, 3), data: LARGE }];
const gradient = [two(5, 37), two(70, 1), two(2, 3, 785)];

testOp(softmax, forward);
testOp(softmaxGradient, gradient);
testGradient(softmax, [one(3, 7)]);

// The kernels of GPUs run on any adapter.
testKernels({ ...softmaxKernels, variants: () => [{ kind: 'rows', lanes: 32 }] }, forward);
testKernels({ ...softmaxGradientKernels, variants: () => [{ kind: 'rows', lanes: 256 }] }, gradient.slice(2));

describe('softmax', () => {
  it('gives shares of one whatever is added to a row', () => {
    const y = softmaxReference(3, Float64Array.of(0, Math.log(2), Math.log(5), 1000, 1000, 1000));
    [1 / 8, 2 / 8, 5 / 8, 1 / 3, 1 / 3, 1 / 3].forEach((share, i) => expect(y[i]).toBeCloseTo(share, 14));
  });
});
