import { describe, expect, it } from 'vitest';
import { expectGolden, golden, runWithGradients, wave } from './dense-golden.ts';
import { testGradient, testOp } from './harness.ts';
import { groupNorm, groupNormGradient } from '../../src/ops/group-norm/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

interface Golden {
  x: number[];
  groups: number;
  relu: boolean;
  y: number[];
  dx: number[];
  dweight: number[];
  dbias: number[];
}

describe('groupNorm reference against PyTorch', () => {
  it.each(golden<Golden[]>('groupNorm').map((g) => [`${g.x.join()} relu ${g.relu}`, g] as const))(
    '%s',
    (_label, g) => {
      const c = [g.x[1]!];
      const tensors = {
        x: { shape: g.x, data: wave(g.x, 0.1).map((v) => v + 2) },
        weight: { shape: c, data: wave(c, 0.2) },
        bias: { shape: c, data: wave(c, 0.3) },
      };
      const { y, gradients } = runWithGradients(groupNorm, tensors, {
        groups: g.groups,
        eps: 1e-5,
        relu: g.relu,
      });
      expectGolden('y', y, g.y);
      expectGolden('dx', gradients['x'], g.dx);
      expectGolden('dweight', gradients['weight'], g.dweight);
      expectGolden('dbias', gradients['bias'], g.dbias);
    },
  );
});

const forward = (x: number[]) => ({ x: f32(...x), weight: f32(x[1]!), bias: f32(x[1]!) });
const gradient = (x: number[], groups: number) => ({
  ...forward(x),
  mean: f32(x[0]!, groups),
  rstd: f32(x[0]!, groups),
  dy: f32(...x),
});

testOp(groupNorm, [
  { inputs: forward([3, 6, 7, 5]), attrs: { groups: 3, eps: 1e-5 } },
  { inputs: forward([2, 64, 6, 6]), attrs: { groups: 32, eps: 1e-5, relu: true } },
  { inputs: forward([1, 32, 65, 33]), attrs: { groups: 1, eps: 1e-5, relu: true } },
  { inputs: forward([5, 70]), attrs: { groups: 7, eps: 1e-3 } },
]);
testOp(groupNormGradient, [
  { inputs: gradient([3, 6, 7, 5], 3), attrs: { groups: 3, relu: false, parameters: true } },
  { inputs: gradient([2, 64, 6, 6], 32), attrs: { groups: 32, relu: true, parameters: true } },
  { inputs: gradient([1, 5, 40, 36], 1), attrs: { groups: 1, relu: true, parameters: false } },
  { inputs: gradient([2, 3, 13, 11], 3), attrs: { groups: 3, relu: true, parameters: true } },
  { inputs: gradient([5, 70], 7), attrs: { groups: 7, relu: false, parameters: true } },
]);
testGradient(groupNorm, [
  { inputs: forward([2, 6, 3, 5]), attrs: { groups: 3, eps: 1e-5 } },
  { inputs: forward([2, 4, 3, 4]), attrs: { groups: 2, eps: 1e-5, relu: true } },
]);

describe('groupNorm', () => {
  it('refuses groups that do not divide the channels', () => {
    expect(() => groupNorm.infer(forward([1, 6, 2, 2]), { groups: 4, eps: 1e-5 })).toThrow(/4 groups/);
  });
});
