import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, type Operand, scratch } from '../kernels.ts';
import { type TensorSpec, f32 } from '../tensor.ts';
import {
  depthwise,
  depthwiseGradInput,
  depthwiseGradWeight,
  forwardSizes,
  gradInputSizes,
  gradWeightSizes,
} from './op.ts';
import { type BandsWeightTile, bandsWeightDispatch, bandsWeightTiles } from './bands-weight.ts';
import { type BandsTile, type Ranked, bandsDispatch, bandsTiles } from './bands.ts';
import { type Planes, planes } from './planes.ts';
import {
  type StripTile,
  type StripWeightTile,
  stripDispatch,
  stripTiles,
  stripWeightDispatch,
  stripWeightTiles,
} from './strip.ts';
import { type Tile, layout, tilesFor } from './tiles.ts';

/** Tiles for a correlation whose result is a map. */
type MapTile = BandsTile | StripTile | Tile;

/** Tiles for a weight gradient. */
type WeightTile = BandsWeightTile | StripWeightTile | Tile;

const NONE: Ranked<never> = { first: [], later: [] };

/** Tiles for matrix units among the others: before them, or after the best of them. */
function among<T>({ first, later }: Ranked<T>, others: readonly T[]): readonly T[] {
  return [...first, ...others.slice(0, 1), ...later, ...others.slice(1)];
}

/** @param maps what is correlated; matrix units take it in 16 bits */
function mapTiles(p: Planes, maps: TensorSpec, profile: DeviceProfile): readonly MapTile[] {
  const bands = maps.dtype === 'f16' ? bandsTiles(p, profile) : NONE;
  return among<MapTile>(bands, [...stripTiles(p, profile), ...tilesFor(p, profile)]);
}

function mapDispatch(p: Planes, tile: MapTile, bindings: Dispatch['bindings']): Dispatch {
  if (tile.kind === 'bands') return bandsDispatch(p, tile, bindings);
  return tile.kind === 'strip' ? stripDispatch(p, tile, bindings) : correlation(p, tile, bindings);
}

export const depthwiseKernels: Kernels<typeof depthwise, MapTile> = {
  op: depthwise,
  variants: ({ inputs, profile }) => mapTiles(planes('forward', forwardSizes(inputs)), inputs.x, profile),
  lower({ inputs: { x, weight, bias }, outputs: { y } }, tile) {
    const p = planes('forward', forwardSizes({ x, weight }));
    return [mapDispatch(p, tile, { x, taps: weight, bias, out: y })];
  },
};

export const depthwiseGradInputKernels: Kernels<typeof depthwiseGradInput, MapTile> = {
  op: depthwiseGradInput,
  variants: ({ inputs, profile }) => mapTiles(planes('input', gradInputSizes(inputs)), inputs.dy, profile),
  lower({ inputs: { dy, weight, addend }, outputs: { dx } }, tile) {
    const p = planes('input', gradInputSizes({ dy, weight }));
    return [mapDispatch(p, tile, { x: dy, taps: weight, addend, out: dx })];
  },
};

export const depthwiseGradWeightKernels: Kernels<typeof depthwiseGradWeight, WeightTile> = {
  op: depthwiseGradWeight,
  variants: ({ inputs, attrs, profile }) => {
    const p = planes('weight', gradWeightSizes(inputs, attrs));
    const isHalf = inputs.x.dtype === 'f16' && inputs.dy.dtype === 'f16';
    const bands = isHalf ? bandsWeightTiles(p, profile) : NONE;
    return among<WeightTile>(bands, [...stripWeightTiles(p, profile), ...tilesFor(p, profile)]);
  },
  lower: ({ inputs, outputs, attrs }, tile) =>
    weightCorrelation(planes('weight', gradWeightSizes(inputs, attrs)), tile, { ...inputs, ...outputs }),
};

export const kernels = [depthwiseKernels, depthwiseGradInputKernels, depthwiseGradWeightKernels];

/** The dispatch of a tile's shader. @param DBIAS also compute the bias gradient */
export function correlation(p: Planes, tile: Tile, bindings: Dispatch['bindings'], DBIAS = false): Dispatch {
  const { params, groups } = layout(p, tile);
  return {
    shader: `depthwise/${tile.kind}.wgsl`,
    params: { ...params, DBIAS },
    bindings,
    grid: flatGrid(groups),
  };
}

interface WeightOperands {
  readonly x: Operand;
  readonly dy: Operand;
  readonly dweight: Operand;
  readonly dbias?: Operand | undefined;
}

/** The dispatches of a weight gradient: one, or partial sums and their total. */
export function weightCorrelation(
  p: Planes,
  tile: WeightTile,
  operands: WeightOperands,
): readonly Dispatch[] {
  const { x, dy, dweight, dbias } = operands;
  const hasBias = dbias !== undefined;
  const inRegisters = tile.kind === 'strip-weight' || tile.kind === 'bands-weight';
  const batches = inRegisters ? tile.batches : layout(p, tile).batches;
  const parts = scratch(f32(batches, p.sizes.c, p.outH * p.outW + 1));
  if (inRegisters) {
    const dispatch =
      tile.kind === 'strip-weight'
        ? stripWeightDispatch(p, tile, { x, dy, parts }, hasBias)
        : bandsWeightDispatch(p, tile, { x, dy, parts }, hasBias);
    return [dispatch, total(p, batches, parts, operands)];
  }
  if (batches === 1) return [correlation(p, tile, { x, taps: dy, out: dweight, dbias }, hasBias)];
  return [correlation(p, tile, { x, taps: dy, out: parts }, hasBias), total(p, batches, parts, operands)];
}

/** Adds up the partial sums of batches. */
function total(p: Planes, BATCHES: number, parts: Operand, { dweight, dbias }: WeightOperands): Dispatch {
  const { c, kh, kw } = p.sizes;
  return {
    shader: 'depthwise/reduce.wgsl',
    params: {
      CHANNELS: c,
      BATCHES,
      KERNEL_H: kh,
      KERNEL_W: kw,
      LIVE_H: p.outH,
      LIVE_W: p.outW,
      WORKGROUP: 256,
    },
    bindings: { parts, dweight, dbias },
    grid: flatGrid(Math.ceil((c * kh * kw) / 256)),
  };
}
