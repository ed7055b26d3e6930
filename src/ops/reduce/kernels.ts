import { flatGrid, flatLowering } from '../dispatches.ts';
import {
  type AnyKernels,
  type Kernels,
  type LowerContext,
  type Lowering,
  input,
  onlyPlain,
  output,
  scratch,
} from '../kernels.ts';
import type { None } from '../op.ts';
import { elems, f32 } from '../tensor.ts';
import { type SpreadAttrs, type SumAttrs, nonFinite, spread, sum, sumSquares } from './op.ts';

/** Invocations of a workgroup of the first stage. */
type TwoStage = { readonly kind: 'two-stage'; readonly lanes: number };

/** Where a barrier switches between invocations: the fewer of them, the better. */
function reductionVariants({ profile }: Pick<LowerContext<unknown>, 'profile'>): readonly TwoStage[] {
  return [{ kind: 'two-stage', lanes: profile.barrier === 'switch' ? 8 : 256 }];
}

/** Items an invocation of the first stage adds up, where there are enough. */
const RUN = 8;

/** Most partial results of the first stage, which one workgroup of the second adds up. */
const MAX_PARTS = 1024;

/** What the first stage adds up: x, x², or 1 for every infinity and NaN. */
type Term = 'value' | 'square' | 'non_finite';

/**
 * Two stages of fixed order: each workgroup strides through its share of x, then one workgroup adds the shares up.
 * @param factor multiplies the total
 */
function lowerReduction(
  { inputs, accumulate }: Pick<LowerContext<unknown>, 'inputs' | 'accumulate'>,
  { lanes }: TwoStage,
  term: Term,
  factor: number,
): Lowering {
  const n = elems(inputs[0]?.shape ?? []);
  const width = n % 4 === 0 ? 4 : 1;
  const items = n / width;
  const parts = Math.min(MAX_PARTS, Math.max(1, Math.ceil(items / (lanes * RUN))));
  const common = { WORKGROUP: lanes, PARTS: parts };
  return {
    scratch: [f32(parts)],
    dispatches: [
      {
        shader: 'reduce/parts.wgsl',
        params: {
          ...common,
          ITEMS: items,
          WIDTH: width,
          TERM: term,
        },
        bindings: { x: input(0), parts: scratch(0) },
        grid: flatGrid(parts),
      },
      {
        shader: 'reduce/total.wgsl',
        params: { ...common, FACTOR: factor },
        bindings: { parts: scratch(0), total: output(0, accumulate[0]) },
        grid: [1, 1, 1],
      },
    ],
  };
}

export const sumKernels: Kernels<SumAttrs, TwoStage> = {
  op: sum,
  variants: reductionVariants,
  lower: (context, variant) => lowerReduction(context, variant, 'value', context.attrs.factor),
};

export const sumSquaresKernels: Kernels<None, TwoStage> = {
  op: sumSquares,
  variants: reductionVariants,
  lower: (context, variant) => lowerReduction(context, variant, 'square', 1),
};

export const nonFiniteKernels: Kernels<None, TwoStage> = {
  op: nonFinite,
  variants: reductionVariants,
  lower: (context, variant) => lowerReduction(context, variant, 'non_finite', 1),
};

export const spreadKernels: Kernels<SpreadAttrs> = {
  op: spread,
  variants: onlyPlain,
  lower: ({ outputs, attrs }) =>
    flatLowering('reduce/spread.wgsl', outputs[0], { x: input(0), y: output(0) }, { FACTOR: attrs.factor }),
};

export const kernels: readonly AnyKernels[] = [
  sumKernels,
  sumSquaresKernels,
  nonFiniteKernels,
  spreadKernels,
];
