import { depthwise, depthwiseGradInput, depthwiseGradWeight } from '../../src/kernels/depthwise.ts';
import { f32 } from '../../src/kernels/op.ts';
import { testGradient, testOp } from './harness.ts';

// n, c, h, w, kh, kw
const SHAPES: readonly (readonly number[])[] = [
  [1, 1, 1, 1, 1, 1],
  [1, 1, 1, 1, 3, 3],
  [2, 3, 5, 4, 3, 3],
  [3, 2, 7, 7, 13, 13],
  [2, 3, 9, 15, 5, 13],
  [1, 2, 14, 13, 31, 31],
  [1, 1, 20, 29, 51, 5],
  [1, 1, 29, 57, 13, 51],
  [1, 1, 57, 15, 61, 61],
];

const maps = (shape: readonly number[]) => f32(...shape.slice(0, 4));
const kernel = ([, c = 1, , , kh = 1, kw = 1]: readonly number[]) => f32(c, 1, kh, kw);

testOp(
  depthwise,
  SHAPES.map((shape, i) => ({
    inputs: [maps(shape), kernel(shape), ...(i % 2 === 0 ? [f32(shape[1] as number)] : [])],
    attrs: {},
  })),
);
testOp(
  depthwiseGradInput,
  SHAPES.map((shape, i) => ({
    inputs: [maps(shape), kernel(shape), ...(i % 2 === 1 ? [maps(shape)] : [])],
    attrs: {},
  })),
);
testOp(
  depthwiseGradWeight,
  SHAPES.map((shape, i) => ({
    inputs: [maps(shape), maps(shape)],
    attrs: { kh: shape[4] as number, kw: shape[5] as number, bias: i % 2 === 0 },
  })),
);
testGradient(depthwise, [
  { inputs: [f32(2, 2, 4, 3), f32(2, 1, 3, 7), f32(2)], attrs: {} },
  { inputs: [f32(1, 1, 5, 5), f32(1, 1, 5, 3)], attrs: {} },
]);
