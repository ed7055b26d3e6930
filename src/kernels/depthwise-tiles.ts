import type { DeviceLimits } from '../device/device.ts';
import type { DepthwiseSizes } from './depthwise.reference.ts';
import type { Variant } from './op.ts';

/** How `shaders/depthwise/correlate.wgsl` cuts the work; see there. */
export type Tile = Variant & {
  readonly columns: number;
  readonly rows: number;
  readonly lanesY: number;
  readonly segments: number;
  readonly images: number;
  readonly blocks: number;
  readonly chunk: number;
  readonly phases: number;
  /** Workgroups that share the images; more than one only for the weight gradient, which then needs a second stage. */
  readonly batches: number;
};

export type Mode = 'forward' | 'input' | 'weight';

/** One plane correlation: sizes of its output, its taps and its input, and where tap 0 lies. */
export interface Planes {
  readonly mode: Mode;
  readonly sizes: DepthwiseSizes;
  readonly outH: number;
  readonly outW: number;
  readonly tapH: number;
  readonly tapW: number;
  readonly padY: number;
  readonly padX: number;
}

/** The kernel without the taps that only ever meet padding: at most (2h−1) × (2w−1). */
export function liveKernel({ h, w, kh, kw }: DepthwiseSizes): { kh: number; kw: number } {
  return { kh: Math.min(kh, 2 * h - 1), kw: Math.min(kw, 2 * w - 1) };
}

export function planes(mode: Mode, sizes: DepthwiseSizes): Planes {
  const live = liveKernel(sizes);
  const pads = { mode, sizes, padY: live.kh >> 1, padX: live.kw >> 1 };
  return mode === 'weight'
    ? { ...pads, outH: live.kh, outW: live.kw, tapH: sizes.h, tapW: sizes.w }
    : { ...pads, outH: sizes.h, outW: sizes.w, tapH: live.kh, tapW: live.kw };
}

/** Sizes of the workgroup's memory and of the grid that follow from a tile. */
export function layout(
  p: Planes,
  t: Tile,
): {
  lanes: number;
  phaseH: number;
  tileH: number;
  tileW: number;
  stride: number;
  bytes: number;
  blockGroups: number;
  segmentGroups: number;
  batches: number;
  serial: number;
} {
  const lanes = t.lanesY * t.segments * t.images;
  const phaseH = Math.ceil((p.tapH + t.rows - 1) / t.phases);
  const groupH = t.lanesY * t.rows * t.blocks;
  const tileH = Math.min(p.sizes.h, groupH - t.rows + phaseH);
  const tileW = t.segments * t.columns + p.tapW - 1;
  const stride = tileW | 1;
  const extra = p.mode === 'weight' ? lanes + (t.images > 1 ? lanes * t.rows * t.columns : 0) : 0;
  const imageSteps = Math.ceil(p.sizes.n / t.images);
  const batches = p.mode === 'weight' ? Math.min(t.batches, imageSteps) : imageSteps;
  return {
    lanes,
    phaseH,
    tileH,
    tileW,
    stride,
    bytes: 4 * ((t.images * tileH + 1) * stride + extra),
    blockGroups: Math.ceil(p.outH / groupH),
    segmentGroups: Math.ceil(p.outW / (t.segments * t.columns)),
    batches: p.mode === 'weight' ? Math.ceil(imageSteps / Math.ceil(imageSteps / batches)) : imageSteps,
    serial: p.mode === 'weight' ? Math.ceil(imageSteps / batches) : 1,
  };
}

function fits(p: Planes, tile: Tile, limits: DeviceLimits): boolean {
  const { bytes, lanes } = layout(p, tile);
  return bytes <= limits.maxComputeWorkgroupStorageSize && lanes <= limits.maxComputeInvocationsPerWorkgroup;
}

/** Tiles that fit the device, best guess first. */
export function tilesFor(p: Planes, limits: DeviceLimits): readonly Tile[] {
  const columns = Math.ceil(p.outW / Math.ceil(p.outW / 14));
  const base: Tile = {
    columns,
    rows: 1,
    lanesY: Math.min(p.outH, 56),
    segments: 1,
    images: 1,
    blocks: 1,
    chunk: 16,
    phases: 1,
    batches: 1,
  };
  const tile = shrink(p, base, limits);
  const images = Math.max(1, Math.min(p.sizes.n, Math.floor(64 / tile.lanesY)));
  const candidates = [{ ...tile, images }, tile];
  const seen = new Set<string>();
  return candidates.filter((t) => {
    const key = JSON.stringify(t);
    if (seen.has(key) || !fits(p, t, limits)) return false;
    seen.add(key);
    return true;
  });
}

/** Cuts taps into phases and then rows into fewer lanes until the tile fits. */
function shrink(p: Planes, tile: Tile, limits: DeviceLimits): Tile {
  let t = tile;
  while (!fits(p, t, limits)) {
    if (t.phases < 4 && t.blocks === 1) t = { ...t, phases: t.phases + 1 };
    else if (t.lanesY > 8) t = { ...t, lanesY: t.lanesY >> 1, phases: 1 };
    else t = { ...t, columns: Math.max(1, t.columns >> 1), phases: t.phases + 4 };
  }
  return t;
}
