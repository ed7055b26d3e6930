import { flatGrid } from '../dispatches.ts';
import {
  type AnyKernels,
  type Kernels,
  type LowerContext,
  type Lowering,
  input,
  onlyPlain,
} from '../kernels.ts';
import type { None, Op } from '../op.ts';
import { elems } from '../tensor.ts';
import { type SgdAttrs, adamw, adamwEma, clipFactor, ema, sgdMomentum, sgdMomentumEma } from './op.ts';

const WORKGROUP = 256;

/** One item of four elements (or one, where the length is not a multiple of four) an invocation. */
function lowerStep(
  shader: string,
  { inputs }: Pick<LowerContext<unknown>, 'inputs'>,
  params: Readonly<Record<string, number>>,
): Lowering {
  const n = elems(inputs[0]?.shape ?? []);
  const width = n % 4 === 0 ? 4 : 1;
  const items = n / width;
  return {
    scratch: [],
    dispatches: [
      {
        shader: `optimizer/${shader}.wgsl`,
        params: { ITEMS: items, WIDTH: width, WORKGROUP, ...params },
        bindings: inputs.map((_, i) => input(i)),
        grid: flatGrid(Math.ceil(items / WORKGROUP)),
      },
    ],
  };
}

function adamwKernels(op: Op<None>, withEma: boolean): Kernels<None> {
  return {
    op,
    variants: onlyPlain,
    lower: (context) => lowerStep('adamw', context, { EMA: Number(withEma) }),
  };
}

function sgdKernels(op: Op<SgdAttrs>, withEma: boolean): Kernels<SgdAttrs> {
  return {
    op,
    variants: onlyPlain,
    lower: (context) =>
      lowerStep('sgd', context, { EMA: Number(withEma), NESTEROV: Number(context.attrs.nesterov) }),
  };
}

export const emaKernels: Kernels<None> = {
  op: ema,
  variants: onlyPlain,
  lower: (context) => lowerStep('ema', context, {}),
};

export const clipFactorKernels: Kernels<None> = {
  op: clipFactor,
  variants: onlyPlain,
  lower: ({ inputs }) => ({
    scratch: [],
    dispatches: [
      {
        shader: 'optimizer/clip-factor.wgsl',
        params: { SCALED: Number(inputs.length > 2) },
        bindings: inputs.map((_, i) => input(i)),
        grid: [1, 1, 1],
      },
    ],
  }),
};

export const kernels: readonly AnyKernels[] = [
  adamwKernels(adamw, false),
  adamwKernels(adamwEma, true),
  sgdKernels(sgdMomentum, false),
  sgdKernels(sgdMomentumEma, true),
  emaKernels,
  clipFactorKernels,
];
