import { flat, flatGrid } from '../dispatches.ts';
import { type Kernels, onlyPlain } from '../kernels.ts';
import {
  averageGradientShape,
  averagePool,
  averagePoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  type MaxPoolAttrs,
  maxPool,
  maxPoolGradient,
  planesOf,
  poolShape,
} from './op.ts';
import type { PoolShape } from './reference.ts';

const WORKGROUP = 64;

/** The parameters of pool/shape.wgsl. */
function poolParams(s: PoolShape): Record<string, number> {
  return { H: s.h, W: s.w, KH: s.kh, KW: s.kw, SH: s.sh, SW: s.sw, PH: s.ph, PW: s.pw, HO: s.ho, WO: s.wo };
}

/** The parameters of pool/window.wgsl. */
function maxParams(op: string, x: readonly number[], attrs: MaxPoolAttrs) {
  return { ...poolParams(poolShape(op, x, attrs)), ZERO_PADDING: attrs.zeroPadding === true };
}

export const maxPoolKernels: Kernels<typeof maxPool> = {
  op: maxPool,
  variants: onlyPlain,
  lower: ({ inputs: { x }, outputs: { y }, attrs }) =>
    flat('pool/max.wgsl', y, { x, y }, maxParams('max-pool', x.shape, attrs)),
};

export const maxPoolGradientKernels: Kernels<typeof maxPoolGradient> = {
  op: maxPoolGradient,
  variants: onlyPlain,
  lower: ({ inputs: { x, dy }, outputs: { dx }, attrs }) =>
    flat('pool/max-gradient.wgsl', dx, { x, dy, dx }, maxParams('max-pool-gradient', x.shape, attrs)),
};

export const averagePoolKernels: Kernels<typeof averagePool> = {
  op: averagePool,
  variants: onlyPlain,
  lower: ({ inputs: { x }, outputs: { y }, attrs }) =>
    flat('pool/average.wgsl', y, { x, y }, poolParams(poolShape('average-pool', x.shape, attrs))),
};

export const averagePoolGradientKernels: Kernels<typeof averagePoolGradient> = {
  op: averagePoolGradient,
  variants: onlyPlain,
  lower: ({ inputs: { dy }, outputs: { dx }, attrs }) =>
    flat('pool/average-gradient.wgsl', dx, { dy, dx }, poolParams(averageGradientShape(dy, attrs))),
};

/** Invocations that share a plane. */
type Lanes = { readonly kind: 'lanes'; readonly lanes: number };

export const globalAveragePoolKernels: Kernels<typeof globalAveragePool, Lanes> = {
  op: globalAveragePool,
  // A small plane has one invocation; several share a large one.
  variants: ({ inputs: { x } }) =>
    (planesOf(x).area > 64 ? [16, 1] : [1, 16]).map((lanes) => ({ kind: 'lanes', lanes })),
  lower: ({ inputs: { x }, outputs: { y } }, { lanes }) => {
    const { n, c, area } = planesOf(x);
    return [
      {
        shader: 'pool/global-average.wgsl',
        params: { PLANES: n * c, AREA: area, LANES: lanes, WORKGROUP },
        bindings: { x, y },
        grid: flatGrid(Math.ceil((n * c * lanes) / WORKGROUP)),
      },
    ];
  },
};

export const globalAveragePoolGradientKernels: Kernels<typeof globalAveragePoolGradient> = {
  op: globalAveragePoolGradient,
  variants: onlyPlain,
  lower: ({ inputs: { dy }, outputs: { dx }, attrs: { h, w } }) =>
    flat('pool/global-average-gradient.wgsl', dx, { dy, dx }, { AREA: h * w, FACTOR: 1 / (h * w) }),
};

export const kernels = [
  maxPoolKernels,
  maxPoolGradientKernels,
  averagePoolKernels,
  averagePoolGradientKernels,
  globalAveragePoolKernels,
  globalAveragePoolGradientKernels,
];
