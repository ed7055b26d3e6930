import type { ParamValue } from '../../shader/parameters.ts';
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

/**
 * One item of four elements (or one, where the length is not a multiple of four) an invocation.
 * @param names what the shader calls the inputs
 */
function lowerStep(
  shader: string,
  { inputs }: Pick<LowerContext<unknown>, 'inputs'>,
  names: readonly string[],
  params: Readonly<Record<string, ParamValue>> = {},
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
        bindings: Object.fromEntries(names.map((name, i) => [name, input(i)])),
        grid: flatGrid(Math.ceil(items / WORKGROUP)),
      },
    ],
  };
}

const ADAMW = ['parameter', 'm', 'v', 'gradient', 'scalars'];

function adamwKernels(op: Op<None>, withEma: boolean): Kernels<None> {
  return {
    op,
    variants: onlyPlain,
    lower: (context) => lowerStep('adamw', context, withEma ? [...ADAMW, 'ema'] : ADAMW),
  };
}

const SGD = ['parameter', 'buffer', 'gradient', 'scalars'];

function sgdKernels(op: Op<SgdAttrs>, withEma: boolean): Kernels<SgdAttrs> {
  return {
    op,
    variants: onlyPlain,
    lower: (context) =>
      lowerStep('sgd', context, withEma ? [...SGD, 'ema'] : SGD, { NESTEROV: context.attrs.nesterov }),
  };
}

export const emaKernels: Kernels<None> = {
  op: ema,
  variants: onlyPlain,
  lower: (context) => lowerStep('ema', context, ['ema', 'parameter', 'scalars']),
};

export const clipFactorKernels: Kernels<None> = {
  op: clipFactor,
  variants: onlyPlain,
  lower: ({ inputs }) => ({
    scratch: [],
    dispatches: [
      {
        shader: 'optimizer/clip-factor.wgsl',
        params: {},
        bindings: {
          squares: input(0),
          scalars: input(1),
          scaler: inputs.length > 2 ? input(2) : undefined,
        },
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
