import { flatGrid } from '../dispatches.ts';
import {
  type AnyKernels,
  type Dispatch,
  type Kernels,
  type LowerContext,
  type Lowering,
  type Variant,
  input,
  output,
  scratch,
} from '../kernels.ts';
import type { None } from '../op.ts';
import { f32 } from '../tensor.ts';
import {
  type DepthwiseGradWeightAttrs,
  convolutionSizes,
  depthwise,
  depthwiseGradInput,
  depthwiseGradWeight,
  gradWeightSizes,
} from './op.ts';
import { type Mode, type Planes, planes } from './planes.ts';
import { type Tile, layout, tilesFor } from './tiles.ts';

export const depthwiseKernels: Kernels<None> = {
  op: depthwise,
  variants: (context) => tilesFor(planes('forward', convolutionSizes(context.inputs)), context.profile),
  lower: (context, variant) => lowerMaps('forward', context, variant),
};

export const depthwiseGradInputKernels: Kernels<None> = {
  op: depthwiseGradInput,
  variants: (context) => tilesFor(planes('input', convolutionSizes(context.inputs)), context.profile),
  lower: (context, variant) => lowerMaps('input', context, variant),
};

export const depthwiseGradWeightKernels: Kernels<DepthwiseGradWeightAttrs> = {
  op: depthwiseGradWeight,
  variants: (context) =>
    tilesFor(planes('weight', gradWeightSizes(context.inputs, context.attrs)), context.profile),
  lower: (context, variant) => lowerWeight(context, variant),
};

export const kernels: readonly AnyKernels[] = [
  depthwiseKernels,
  depthwiseGradInputKernels,
  depthwiseGradWeightKernels,
];

/** The dispatch of a tile's shader. @param DBIAS the bias gradient is wanted too */
function correlation(p: Planes, tile: Tile, bindings: Dispatch['bindings'], DBIAS = false): Dispatch {
  const { params, groups } = layout(p, tile);
  return {
    shader: `depthwise/${tile.kernel}.wgsl`,
    params: { ...params, DBIAS },
    bindings,
    grid: flatGrid(groups),
  };
}

function lowerMaps(mode: Mode, context: LowerContext<None>, variant: Variant): Lowering {
  const p = planes(mode, convolutionSizes(context.inputs));
  const extra = context.inputs.length > 2 ? { [mode === 'forward' ? 'bias' : 'addend']: input(2) } : {};
  const bindings = { x: input(0), taps: input(1), ...extra, out: output(0) };
  return { scratch: [], dispatches: [correlation(p, variant as Tile, bindings)] };
}

function lowerWeight(context: LowerContext<DepthwiseGradWeightAttrs>, variant: Variant): Lowering {
  const { attrs, accumulate } = context;
  const p = planes('weight', gradWeightSizes(context.inputs, attrs));
  const tile = variant as Tile;
  const { batches } = layout(p, tile);
  const dweight = output(0, accumulate[0]);
  const dbias = attrs.bias ? output(1, accumulate[1]) : undefined;
  const results = batches > 1 ? { out: scratch(0) } : { out: dweight, dbias };
  const first = correlation(p, tile, { x: input(0), taps: input(1), ...results }, attrs.bias);
  if (batches === 1) return { scratch: [], dispatches: [first] };
  const { c, kh, kw } = p.sizes;
  const sum: Dispatch = {
    shader: 'depthwise/reduce.wgsl',
    params: {
      CHANNELS: c,
      BATCHES: batches,
      KERNEL_H: kh,
      KERNEL_W: kw,
      LIVE_H: p.outH,
      LIVE_W: p.outW,
      WORKGROUP: 256,
    },
    bindings: { parts: scratch(0), dweight, dbias },
    grid: flatGrid(Math.ceil((c * kh * kw) / 256)),
  };
  return { scratch: [f32(batches, c, p.outH * p.outW + 1)], dispatches: [first, sum] };
}
