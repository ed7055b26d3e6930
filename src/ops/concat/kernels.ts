import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import { concat, concatGradient, concatShape } from './op.ts';

export const concatKernels: Kernels<typeof concat> = {
  op: concat,
  variants: onlyPlain,
  lower: ({ inputs: { a, b }, outputs: { y } }) => {
    const shape = concatShape('concat', a, b);
    return flat('concat/forward.wgsl', y, { a, b, y }, { A: shape.a, B: shape.b });
  },
};

export const concatGradientKernels: Kernels<typeof concatGradient> = {
  op: concatGradient,
  variants: onlyPlain,
  lower: ({ inputs: { dy }, outputs: { da, db } }) => {
    const shape = concatShape('concat-gradient', da, db);
    return flat('concat/gradient.wgsl', dy, { dy, da, db }, { A: shape.a, B: shape.b });
  },
};

export const kernels = [concatKernels, concatGradientKernels];
