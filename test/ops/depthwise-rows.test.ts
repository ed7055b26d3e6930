import { testKernels } from './harness.ts';
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from '../../src/ops/depthwise/op.ts';
import type { RowsTile } from '../../src/ops/depthwise/rows.ts';
import { f32 } from '../../src/ops/tensor.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';

/** The row kernel, which processors do not choose: each way to cut the work, at sizes that no cut divides. */
const CASES: readonly (readonly [
  shape: readonly [n: number, c: number, h: number, w: number, kh: number, kw: number],
  cut: Pick<RowsTile, 'sides' | 'lanesY' | 'images' | 'parts' | 'batches'>,
])[] = [
  [[3, 2, 9, 11, 7, 5], { sides: 2, lanesY: 4, images: 2, parts: 2, batches: 2 }],
  [[2, 1, 7, 7, 13, 13], { sides: 1, lanesY: 7, images: 1, parts: 3, batches: 1 }], // every output meets every input
  [[5, 1, 6, 8, 31, 31], { sides: 2, lanesY: 11, images: 3, parts: 1, batches: 2 }], // dead taps
  [[1, 1, 13, 5, 3, 9], { sides: 1, lanesY: 5, images: 1, parts: 2, batches: 1 }],
  [[1, 2, 1, 1, 3, 3], { sides: 2, lanesY: 1, images: 1, parts: 1, batches: 1 }],
];

CASES.forEach(([[n, c, h, w, kh, kw], cut], i) => {
  const maps = f32(n, c, h, w);
  const weight = f32(c, 1, kh, kw);
  const tile = (parts: number) => () => [{ kind: 'rows', ...cut, parts } as const];
  testKernels({ ...kernelsOf(depthwise), variants: tile(1) }, [
    { inputs: { x: maps, weight, bias: i % 2 === 0 ? f32(c) : undefined }, attrs: {} },
  ]);
  testKernels({ ...kernelsOf(depthwiseGradInput), variants: tile(1) }, [
    { inputs: { dy: maps, weight, addend: i % 2 === 1 ? maps : undefined }, attrs: {} },
  ]);
  testKernels({ ...kernelsOf(depthwiseGradWeight), variants: tile(cut.parts) }, [
    { inputs: { x: maps, dy: maps }, attrs: { kh, kw, bias: i % 2 === 0 } },
  ]);
});
