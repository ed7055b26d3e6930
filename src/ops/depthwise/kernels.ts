import { flatGrid } from '../dispatches.ts';
import {
  type AnyKernels,
  type Dispatch,
  type Kernels,
  type LowerContext,
  type Lowering,
  type Slot,
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
import { type Mode, type Planes, type Tile, layout, planes, tilesFor } from './tiles.ts';

export const depthwiseKernels: Kernels<None> = {
  op: depthwise,
  variants: (context) => tilesFor(planes('forward', convolutionSizes(context.inputs)), context),
  lower: (context, variant) => lowerMaps('forward', context, variant),
};

export const depthwiseGradInputKernels: Kernels<None> = {
  op: depthwiseGradInput,
  variants: (context) => tilesFor(planes('input', convolutionSizes(context.inputs)), context),
  lower: (context, variant) => lowerMaps('input', context, variant),
};

export const depthwiseGradWeightKernels: Kernels<DepthwiseGradWeightAttrs> = {
  op: depthwiseGradWeight,
  variants: (context) => tilesFor(planes('weight', gradWeightSizes(context.inputs, context.attrs)), context),
  lower: (context, variant) => lowerWeight(context, variant),
};

export const kernels: readonly AnyKernels[] = [
  depthwiseKernels,
  depthwiseGradInputKernels,
  depthwiseGradWeightKernels,
];

/** The dispatch of a tile's shader, for outputs bound as `outputs`. */
function correlation(
  p: Planes,
  tile: Tile,
  extra: number,
  accumulate: readonly boolean[],
  bindings: readonly Slot[],
): Dispatch {
  const { params, groups } = layout(p, tile);
  return {
    shader: `depthwise/${tile.kernel}.wgsl`,
    params: { ...params, EXTRA: extra, ...accumulation(accumulate) },
    bindings,
    grid: flatGrid(groups),
  };
}

function accumulation(accumulate: readonly boolean[]) {
  return {
    ACCUMULATE_WEIGHT: Number(accumulate[0] === true),
    ACCUMULATE_BIAS: Number(accumulate[1] === true),
  };
}

function lowerMaps(mode: Mode, context: LowerContext<None>, variant: Variant): Lowering {
  const p = planes(mode, convolutionSizes(context.inputs));
  const extra = context.inputs.length < 3 ? 0 : mode === 'forward' ? 1 : 2;
  const bindings = [...context.inputs.map((_, i) => input(i)), output(0)];
  return { scratch: [], dispatches: [correlation(p, variant as Tile, extra, [], bindings)] };
}

function lowerWeight(context: LowerContext<DepthwiseGradWeightAttrs>, variant: Variant): Lowering {
  const { attrs, accumulate } = context;
  const p = planes('weight', gradWeightSizes(context.inputs, attrs));
  const tile = variant as Tile;
  const { batches } = layout(p, tile);
  const outputs = attrs.bias ? [output(0), output(1)] : [output(0)];
  const results = batches > 1 ? [scratch(0)] : outputs;
  const first = correlation(p, tile, Number(attrs.bias), accumulate, [input(0), input(1), ...results]);
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
      BIAS: Number(attrs.bias),
      ...accumulation(accumulate),
      WORKGROUP: 256,
    },
    bindings: [scratch(0), ...outputs],
    grid: flatGrid(Math.ceil((c * kh * kw) / 256)),
  };
  return { scratch: [f32(batches, c, p.outH * p.outW + 1)], dispatches: [first, sum] };
}
