import { describe, expect, it } from 'vitest';
import { expectGolden, golden, runWithGradients, wave } from './dense-golden.ts';
import { testGradient, testOp } from './harness.ts';
import { type ConvAttrs, conv2d, conv2dGradInput, conv2dGradWeight } from '../../src/ops/conv2d/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

interface Golden {
  x: number[];
  weight: number[];
  bias: boolean;
  stride: [number, number];
  padding: [number, number];
  groups: number;
  y: number[];
  dx: number[];
  dweight: number[];
  dbias: number[] | null;
}

describe('conv2d reference against PyTorch', () => {
  it.each(
    golden<Golden[]>('conv2d').map(
      (g) => [`x ${g.x.join()} weight ${g.weight.join()} groups ${g.groups}`, g] as const,
    ),
  )('%s', (_label, g) => {
    const tensors = {
      x: { shape: g.x, data: wave(g.x, 0.1) },
      weight: { shape: g.weight, data: wave(g.weight, 0.2) },
      bias: g.bias ? { shape: [g.weight[0]!], data: wave([g.weight[0]!], 0.3) } : undefined,
    };
    const { y, gradients } = runWithGradients(conv2d, tensors, g);
    expectGolden('y', y, g.y);
    expectGolden('dx', gradients['x'], g.dx);
    expectGolden('dweight', gradients['weight'], g.dweight);
    if (g.dbias) expectGolden('dbias', gradients['bias'], g.dbias);
  });
});

type Sizes = readonly [
  x: [number, number, number, number],
  co: number,
  kernel: [number, number],
  attrs: ConvAttrs,
];

const square = (stride: number, padding: number, groups = 1): ConvAttrs => ({
  stride: [stride, stride],
  padding: [padding, padding],
  groups,
});

const SIZES: readonly Sizes[] = [
  [[1, 3, 9, 11], 70, [4, 4], square(4, 0)],
  [[2, 33, 7, 7], 13, [2, 2], square(2, 0)],
  [[2, 5, 10, 9], 8, [3, 3], square(2, 1)],
  [[1, 17, 9, 13], 12, [3, 3], square(1, 1)],
  [[1, 3, 15, 18], 12, [7, 7], square(2, 3)],
  [[2, 19, 5, 7], 35, [1, 1], square(2, 0)],
  [[3, 4, 5, 6], 3, [3, 2], { stride: [1, 3], padding: [2, 0], groups: 1 }],
  [[1, 1, 1, 1], 1, [1, 1], square(1, 0)],
  [[2, 6, 9, 8], 9, [1, 1], square(1, 0)],
  [[3, 5, 17, 21], 18, [2, 3], { stride: [2, 3], padding: [0, 0], groups: 1 }],
  [[2, 6, 7, 8], 6, [5, 5], square(2, 2, 6)],
  [[2, 3, 6, 5], 6, [3, 3], square(1, 1, 3)],
  [[1, 8, 5, 5], 6, [3, 3], square(2, 1, 2)],
  // Depthwise: strides, channel multipliers, taps beyond the map, a padding that is not half the kernel.
  [[2, 5, 9, 8], 5, [3, 3], square(2, 1, 5)],
  [[2, 3, 7, 6], 6, [3, 3], square(1, 1, 3)],
  [[3, 4, 14, 13], 4, [7, 7], square(2, 3, 4)],
  [[2, 3, 7, 9], 6, [11, 11], square(1, 5, 3)],
  [[1, 2, 5, 6], 6, [11, 9], { stride: [2, 3], padding: [5, 4], groups: 2 }],
  [[2, 3, 40, 37], 3, [5, 6], { stride: [3, 1], padding: [0, 4], groups: 3 }],
];

function outputSize([x, , kernel, { stride, padding }]: Sizes, d: 0 | 1): number {
  return Math.floor((x[d + 2]! + 2 * padding[d] - kernel[d]) / stride[d]) + 1;
}

const kernelOf = ([x, co, kernel, { groups }]: Sizes) => f32(co, x[1] / groups, ...kernel);
const outputOf = (s: Sizes) => f32(s[0][0], s[1], outputSize(s, 0), outputSize(s, 1));

testOp(
  conv2d,
  SIZES.map((s, i) => ({
    inputs: { x: f32(...s[0]), weight: kernelOf(s), bias: i % 2 === 0 ? f32(s[1]) : undefined },
    attrs: s[3],
  })),
);
testOp(
  conv2dGradInput,
  SIZES.map((s) => ({
    inputs: { dy: outputOf(s), weight: kernelOf(s) },
    attrs: { ...s[3], h: s[0][2], w: s[0][3] },
  })),
);
testOp(
  conv2dGradWeight,
  SIZES.map((s, i) => ({
    inputs: { x: f32(...s[0]), dy: outputOf(s) },
    attrs: { ...s[3], kh: s[2][0], kw: s[2][1], bias: i % 2 === 0 },
  })),
);
testGradient(conv2d, [
  { inputs: { x: f32(2, 3, 6, 7), weight: f32(4, 3, 3, 3), bias: f32(4) }, attrs: square(2, 1) },
  {
    inputs: { x: f32(1, 4, 5, 6), weight: f32(4, 2, 2, 3) },
    attrs: { stride: [1, 2], padding: [1, 0], groups: 2 },
  },
]);

describe('conv2d shapes', () => {
  it('names the groups that do not fit', () => {
    expect(() => conv2d.infer({ x: f32(1, 4, 5, 5), weight: f32(6, 4, 3, 3) }, square(1, 1, 2))).toThrow(
      /2 groups/,
    );
  });
  it('rejects a kernel larger than the map', () => {
    expect(() => conv2d.infer({ x: f32(1, 4, 2, 2), weight: f32(6, 4, 5, 5) }, square(1, 1))).toThrow(
      /no output/,
    );
  });
  it('counts multiply-adds as papers do, and those that meet data', () => {
    const inputs = { x: f32(1, 3, 224, 224), weight: f32(96, 3, 4, 4) };
    const attrs = square(4, 0);
    const { macs, liveMacs } = conv2d.cost(inputs, conv2d.infer(inputs, attrs), attrs);
    expect([macs, liveMacs]).toEqual([14450688, 14450688]);
    const padded = { x: f32(1, 1, 3, 3), weight: f32(1, 1, 3, 3) };
    expect(conv2d.cost(padded, { y: f32(1, 1, 3, 3) }, square(1, 1)).liveMacs).toBe(49);
  });
});
