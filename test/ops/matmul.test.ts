import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_PROFILE } from '../../src/device/profile.ts';
import { type CaseOf, testGradient, testKernels, testOp } from './harness.ts';
import { MATMUL_BLOCKS, MATMUL_TILES, matmulVariants } from '../../src/ops/matmul/gemm.ts';
import { type MatmulAttrs, matmul } from '../../src/ops/matmul/op.ts';
import { f32 } from '../../src/ops/tensor.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';

const NN: MatmulAttrs = { transposeA: false, transposeB: false, bias: 'none' };
const NT: MatmulAttrs = { ...NN, transposeB: true };
const TN: MatmulAttrs = { ...NN, transposeA: true };
const TT: MatmulAttrs = { ...NT, transposeA: true };

/** Operands for (m, n, k) as the attributes store them. */
function product(
  [m, n, k]: readonly [number, number, number],
  attrs: MatmulAttrs,
  [batchA, batchB]: readonly number[][] = [[], []],
): CaseOf<typeof matmul> {
  const a = attrs.transposeA ? [k, m] : [m, k];
  const b = attrs.transposeB ? [n, k] : [k, n];
  const bias = attrs.bias === 'none' ? undefined : f32(attrs.bias === 'cols' ? n : m);
  return { inputs: { a: f32(...(batchA ?? []), ...a), b: f32(...(batchB ?? []), ...b), bias }, attrs };
}

testOp(matmul, [
  // Sizes a multiple of 4 read vectors, others do not; none fills a tile.
  product([65, 63, 17], { ...NN, bias: 'rows' }),
  product([68, 36, 44], { ...NT, bias: 'cols' }),
  product([66, 36, 20], TN),
  product([68, 35, 18], TT),
  product([13, 20, 19], { ...NT, bias: 'rows' }, [[3], []]),
  product([12, 68, 49], { ...NT, reduceBatch: true }, [[5], [5]]),
  product([12, 16, 2060], TN),
]);

// The tiles meant for GPUs, which software adapters do not choose: once, where compiling them takes seconds and not minutes.
testKernels(
  {
    ...kernelsOf(matmul),
    op: { ...matmul, name: 'matmul tiles', accumulates: [] },
    variants: ({ profile: { limits } }) =>
      MATMUL_TILES.slice(0, limits.maxComputeInvocationsPerWorkgroup > 256 ? MATMUL_TILES.length : 0),
  },
  [product([68, 72, 36], NT)],
);

// The blocks of GPUs likewise: one of few sums a lane, every way to store operands, with and without whole vectors and whole steps.
testKernels(
  {
    ...kernelsOf(matmul),
    op: { ...matmul, name: 'matmul blocks', accumulates: [] },
    variants: () => [{ kind: 'block', lx: 8, ly: 4, ra: 1, rb: 1, depth: 8 }],
  },
  [
    product([17, 35, 18], { ...NN, bias: 'rows' }),
    product([20, 36, 44], { ...NT, bias: 'cols' }),
    product([20, 35, 24], TT),
    product([12, 36, 49], { ...NT, reduceBatch: true }, [[5], [5]]),
    product([12, 16, 2060], TN), // cut
  ],
);

testGradient(matmul, [
  ...[NN, NT, TN, TT].map((attrs) => product([5, 4, 3], { ...attrs, bias: 'cols' })),
  ...[NN, NT, TN, TT].map((attrs) => product([5, 4, 3], { ...attrs, bias: 'rows' }, [[2], []])),
  product([5, 4, 3], TN, [[2], [2]]),
  product([5, 4, 3], { ...NT, reduceBatch: true }, [[2], [2]]),
]);

describe('tiles', () => {
  const shape = { batch: 1, m: 512, n: 512, k: 512, batchStrideA: 0, batchStrideB: 0 };
  const tilesOf = (sums: boolean) =>
    matmulVariants(shape, DEFAULT_PROFILE, false, sums).map((variant) =>
      'lx' in variant ? [variant.lx, variant.ra, variant.rb] : [],
    );

  it('fit into the workgroup memory of every adapter, with column sums beside them too', () => {
    expect(tilesOf(false)).toEqual([
      [8, 2, 2],
      [16, 2, 2],
      [8, 2, 2],
      [8, 2, 2],
      [16, 2, 1],
      [8, 1, 2],
      [8, 1, 1],
    ]); // the second and the fifth take all 16 KiB
    expect(tilesOf(true)).toEqual([
      [8, 2, 2],
      [8, 2, 2],
      [8, 2, 2],
      [8, 1, 2],
      [8, 1, 1],
    ]);
  });

  it('are the widest where many of them are full', () => {
    const first = (m: number, n: number, canSplit = false) =>
      matmulVariants({ ...shape, m, n }, DEFAULT_PROFILE, false, false, canSplit)[0];
    expect(first(12544, 1536)).toEqual(MATMUL_BLOCKS[1]);
    expect(first(12544, 384)).toEqual(MATMUL_BLOCKS[0]); // too few
    expect(first(200704, 192)).toEqual(MATMUL_BLOCKS[0]); // a quarter empty
    expect(first(12544, 1536, true)).toEqual(MATMUL_BLOCKS[0]);
    expect(first(64, 1000)).toEqual(MATMUL_BLOCKS[2]); // half the rows
  });

  it('are flat where rows are few, narrow where columns are', () => {
    const first = (m: number, n: number) => matmulVariants({ ...shape, m, n }, DEFAULT_PROFILE, false)[0];
    expect(first(32, 512)).toMatchObject({ ra: 1, rb: 2 });
    expect(first(512, 32)).toMatchObject({ ra: 1, rb: 1 });
  });
});

describe('matmul', () => {
  it('agrees with torch', () => {
    const golden = JSON.parse(
      readFileSync(new URL('../golden/ops/matmul.json', import.meta.url), 'utf8'),
    ) as Record<'x' | 'weight' | 'bias' | 'y', number[]>;
    const of = (name: keyof typeof golden) => Float64Array.from(golden[name]);
    const attrs = { ...NT, bias: 'cols' } as const;
    const specs = { a: f32(3, 4), b: f32(5, 4), bias: f32(5) };
    const { y } = matmul.reference({ a: of('x'), b: of('weight'), bias: of('bias') }, specs, attrs);
    y.forEach((value, i) => expect(value).toBeCloseTo(golden.y[i]!, 12));
  });

  it.each([
    [{ a: f32(2, 3), b: f32(4, 5) }, NN, 'inner sizes of (2, 3) and (4, 5) are 3 and 4'],
    [
      { a: f32(2, 3), b: f32(3, 5), bias: f32(2) },
      { ...NN, bias: 'cols' as const },
      'bias over cols is (2), expected (5)',
    ],
    [{ a: f32(2, 3), b: f32(3, 5) }, { ...NN, bias: 'cols' as const }, 'bias is not given, but set to cols'],
    [{ a: f32(2, 2, 3), b: f32(3, 3, 5) }, NN, 'batches of'],
    [{ a: f32(2, 3), b: f32(3, 5) }, { ...NN, reduceBatch: true }, 'needs two 3-D operands'],
    [{ a: f32(3), b: f32(3, 5) }, NN, 'neither a matrix'],
  ])('rejects %j', (inputs, attrs, message) => {
    expect(() => matmul.infer(inputs, attrs)).toThrow(message);
  });
});
