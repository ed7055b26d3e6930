import { flatItems } from '../dispatches.ts';
import type { Kernels } from '../kernels.ts';
import { accumulate } from './op.ts';

/** Items that an invocation adds. */
type Accumulate = { readonly kind: 'plain' | 'processor'; readonly run: number };

export const accumulateKernels: Kernels<typeof accumulate, Accumulate> = {
  op: accumulate,
  variants: ({ profile }) =>
    profile.machine === 'processor' ? [{ kind: 'processor', run: 16 }] : [{ kind: 'plain', run: 1 }],
  lower: ({ inputs, outputs }, { run }) =>
    flatItems('accumulate/accumulate.wgsl', outputs.out, { ...inputs, ...outputs }, { RUN: run }, run),
};

export const kernels = [accumulateKernels];
