import { liveKernel } from './op.ts';
import type { DepthwiseSizes } from './reference.ts';

/** What a depthwise kernel computes: y, dx or dweight. */
export type Mode = 'forward' | 'input' | 'weight';

/** One correlation of planes: sizes of its output and its taps, and the offset of tap 0. Its input is the (n, c, h, w) map. */
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

export function planes(mode: Mode, sizes: DepthwiseSizes): Planes {
  const live = liveKernel(sizes);
  const pads = { mode, sizes, padY: live.kh >> 1, padX: live.kw >> 1 };
  return mode === 'weight'
    ? { ...pads, outH: live.kh, outW: live.kw, tapH: sizes.h, tapW: sizes.w }
    : { ...pads, outH: sizes.h, outW: sizes.w, tapH: live.kh, tapW: live.kw };
}

/** A map's sizes, as every shader's parameters name them. */
export const mapParams = ({ sizes: { n, c, h, w } }: Planes) => ({ N: n, CHANNELS: c, IN_H: h, IN_W: w });

/** The same and the taps, of shaders whose result is a map. */
export const correlationParams = (p: Planes) => ({
  MODE: p.mode,
  ...mapParams(p),
  KERNEL_H: p.sizes.kh,
  KERNEL_W: p.sizes.kw,
  TAP_H: p.tapH,
  TAP_W: p.tapW,
  PAD_Y: p.padY,
});

/** About `wanted` equal batches of the images, taken `images` at a time. Only mode 'weight' sums over images. */
export function split(p: Planes, images: number, wanted: number): { batches: number; serial: number } {
  const steps = Math.ceil(p.sizes.n / images);
  if (p.mode !== 'weight') return { batches: steps, serial: 1 };
  const serial = Math.ceil(steps / wanted);
  return { batches: Math.ceil(steps / serial), serial };
}

/** The size of the fewest equal pieces of `total` that are at most `most`. */
export function even(total: number, most: number): number {
  return Math.ceil(total / Math.ceil(total / Math.max(1, Math.floor(most))));
}

/** Columns that are read and written at once, where rows have `w` columns. */
export const itemWidth = (w: number) => (w % 4 === 0 ? 4 : w % 2 === 0 ? 2 : 1);
