import { flat } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import {
  firstToken,
  firstTokenGradient,
  firstTokenGradientSize,
  firstTokenSize,
  gradientSize,
  tokens,
  tokensGradient,
  tokensSize,
} from './op.ts';

export const tokensKernels: Kernels<typeof tokens> = {
  op: tokens,
  variants: onlyPlain,
  lower: ({ inputs, outputs: { y } }) => {
    const { tokens: count, c } = tokensSize('tokens', inputs.patches, inputs.positions);
    return flat('tokens/forward.wgsl', y, { ...inputs, y }, { TOKENS: count, COLS: c });
  },
};

export const tokensGradientKernels: Kernels<typeof tokensGradient> = {
  op: tokensGradient,
  variants: onlyPlain,
  lower: ({ inputs: { dy }, outputs, attrs }) => {
    const { n, tokens: count, c } = gradientSize(dy, attrs);
    const params = { IMAGES: n, TOKENS: count, COLS: c };
    return flat('tokens/gradient.wgsl', outputs.dpositions, { dy, ...outputs }, params);
  },
};

export const firstTokenKernels: Kernels<typeof firstToken> = {
  op: firstToken,
  variants: onlyPlain,
  lower: ({ inputs: { x }, outputs: { y }, attrs }) => {
    const { tokens: count, c } = firstTokenSize(x, attrs);
    return flat('tokens/first.wgsl', y, { x, y }, { TOKENS: count, COLS: c });
  },
};

export const firstTokenGradientKernels: Kernels<typeof firstTokenGradient> = {
  op: firstTokenGradient,
  variants: onlyPlain,
  lower: ({ inputs: { dy }, outputs: { dx }, attrs }) => {
    const { tokens: count, c } = firstTokenGradientSize(dy, attrs);
    return flat('tokens/first-gradient.wgsl', dx, { dy, dx }, { TOKENS: count, COLS: c });
  },
};

export const kernels = [tokensKernels, tokensGradientKernels, firstTokenKernels, firstTokenGradientKernels];
