import { flatGrid, flatLowering } from '../dispatches.ts';
import { type AnyKernels, type Kernels, input, onlyPlain, output } from '../kernels.ts';
import type { None } from '../op.ts';
import {
  type MaxPoolAttrs,
  type PoolAttrs,
  type Sized,
  averageGradientShape,
  averagePool,
  averagePoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
  planesOf,
  poolShape,
  shapeOf,
} from './op.ts';
import type { PoolShape } from './reference.ts';

const WORKGROUP = 64;

/** The parameters of pool/shape.wgsl. */
function poolParams(s: PoolShape): Record<string, number> {
  return { H: s.h, W: s.w, KH: s.kh, KW: s.kw, SH: s.sh, SW: s.sw, PH: s.ph, PW: s.pw, HO: s.ho, WO: s.wo };
}

export const maxPoolKernels: Kernels<MaxPoolAttrs> = {
  op: maxPool,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    flatLowering(
      'pool/max.wgsl',
      outputs[0],
      { x: input(0), y: output(0) },
      {
        ...poolParams(poolShape('max-pool', shapeOf(inputs[0]), attrs)),
        ZERO_PADDING: attrs.zeroPadding === true,
      },
    ),
};

export const maxPoolGradientKernels: Kernels<MaxPoolAttrs> = {
  op: maxPoolGradient,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    flatLowering(
      'pool/max-gradient.wgsl',
      outputs[0],
      { x: input(0), dy: input(1), dx: output(0) },
      {
        ...poolParams(poolShape('max-pool-gradient', shapeOf(inputs[0]), attrs)),
        ZERO_PADDING: attrs.zeroPadding === true,
      },
    ),
};

export const averagePoolKernels: Kernels<PoolAttrs> = {
  op: averagePool,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    flatLowering(
      'pool/average.wgsl',
      outputs[0],
      { x: input(0), y: output(0) },
      poolParams(poolShape('average-pool', shapeOf(inputs[0]), attrs)),
    ),
};

export const averagePoolGradientKernels: Kernels<PoolAttrs & Sized> = {
  op: averagePoolGradient,
  variants: onlyPlain,
  lower: ({ inputs, outputs, attrs }) =>
    flatLowering(
      'pool/average-gradient.wgsl',
      outputs[0],
      { dy: input(0), dx: output(0) },
      poolParams(averageGradientShape(inputs, attrs)),
    ),
};

export const globalAveragePoolKernels: Kernels<None> = {
  op: globalAveragePool,
  // Small planes: one invocation each; large ones: several share a plane.
  variants: ({ inputs }) =>
    planesOf('global-average-pool', inputs[0]).area > 64
      ? [{ lanes: 16 }, { lanes: 1 }]
      : [{ lanes: 1 }, { lanes: 16 }],
  lower: ({ inputs }, variant) => {
    const { n, c, area } = planesOf('global-average-pool', inputs[0]);
    const lanes = Number(variant['lanes']);
    const dispatch = {
      shader: 'pool/global-average.wgsl',
      params: { PLANES: n * c, AREA: area, LANES: lanes, WORKGROUP },
      bindings: { x: input(0), y: output(0) },
      grid: flatGrid(Math.ceil((n * c * lanes) / WORKGROUP)),
    };
    return { scratch: [], dispatches: [dispatch] };
  },
};

export const globalAveragePoolGradientKernels: Kernels<Sized> = {
  op: globalAveragePoolGradient,
  variants: onlyPlain,
  lower: ({ outputs, attrs: { h, w } }) =>
    flatLowering(
      'pool/global-average-gradient.wgsl',
      outputs[0],
      { dy: input(0), dx: output(0) },
      {
        AREA: h * w,
        FACTOR: 1 / (h * w),
      },
    ),
};

export const kernels: readonly AnyKernels[] = [
  maxPoolKernels,
  maxPoolGradientKernels,
  averagePoolKernels,
  averagePoolGradientKernels,
  globalAveragePoolKernels,
  globalAveragePoolGradientKernels,
];
