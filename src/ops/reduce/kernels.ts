import type { DeviceProfile } from '../../device/profile.ts';
import { flat, flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, onlyPlain, scratch } from '../kernels.ts';
import { elems, f32 } from '../tensor.ts';
import { nonFinite, spread, sum, sumSquares } from './op.ts';

/** Invocations per workgroup of the first stage. */
type TwoStage = { readonly kind: 'processor' | 'two-stage'; readonly lanes: number };

/** The same where a barrier switches between invocations: fewer are better. */
function variants({ profile }: { readonly profile: DeviceProfile }): readonly TwoStage[] {
  return profile.barrier === 'switch'
    ? [{ kind: 'processor', lanes: 8 }]
    : [{ kind: 'two-stage', lanes: 256 }];
}

/** Items that an invocation of the first stage adds up, if there are enough. */
const RUN = 8;

/** The most partial results of the first stage; one workgroup of the second stage adds them up. */
const MAX_PARTS = 1024;

/** The summands (x, x², or 1 for every infinity and NaN) and the factor of the total. */
interface Reduction {
  readonly term: 'value' | 'square' | 'non_finite';
  readonly factor: number;
}

/** Two stages of fixed order: each workgroup sums its share of x, then one workgroup adds up the partial sums. */
function reduce(x: Operand, total: Operand, { lanes }: TwoStage, { term, factor }: Reduction): Dispatch[] {
  const n = elems(x.shape);
  const width = n % 4 === 0 ? 4 : 1;
  const items = n / width;
  const count = Math.min(MAX_PARTS, Math.max(1, Math.ceil(items / (lanes * RUN))));
  const common = { WORKGROUP: lanes, PARTS: count };
  const parts = scratch(f32(count));
  return [
    {
      shader: 'reduce/parts.wgsl',
      params: { ...common, ITEMS: items, WIDTH: width, TERM: term },
      bindings: { x, parts },
      grid: flatGrid(count),
    },
    {
      shader: 'reduce/total.wgsl',
      params: { ...common, FACTOR: factor },
      bindings: { parts, total },
      grid: [1, 1, 1],
    },
  ];
}

export const sumKernels: Kernels<typeof sum, TwoStage> = {
  op: sum,
  variants,
  lower: ({ inputs: { x }, outputs: { y }, attrs: { factor } }, variant) =>
    reduce(x, y, variant, { term: 'value', factor }),
};

export const sumSquaresKernels: Kernels<typeof sumSquares, TwoStage> = {
  op: sumSquares,
  variants,
  lower: ({ inputs: { x }, outputs: { y } }, variant) => reduce(x, y, variant, { term: 'square', factor: 1 }),
};

export const nonFiniteKernels: Kernels<typeof nonFinite, TwoStage> = {
  op: nonFinite,
  variants,
  lower: ({ inputs: { x }, outputs: { y } }, variant) =>
    reduce(x, y, variant, { term: 'non_finite', factor: 1 }),
};

export const spreadKernels: Kernels<typeof spread> = {
  op: spread,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    flat('reduce/spread.wgsl', outputs.y, { ...inputs, ...outputs }, { FACTOR: attrs.factor }),
};

export const kernels = [sumKernels, sumSquaresKernels, nonFiniteKernels, spreadKernels];
