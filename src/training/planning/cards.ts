/**
 * GPUs by name, to plan for one that is not here. Peak rates in f32, without matrix units: two operations a lane and cycle at the boost
 * clock. Compared with NVIDIA's launch figures for the RTX 4090 (82.6), tables of the H100 SXM5 and the H200 (66.9 both, the latter with
 * more memory), and a review of AMD's RX 7900 XT and XTX (51.6 and 61.4, guru3d.com); the others agree with their lanes and clocks.
 */
import { DEFAULT_LIMITS, profileOf } from '../../device/profile.ts';

export interface Card {
  readonly gib: number;
  /** f32 multiply-adds count twice. */
  readonly tflops: number;
}

export const CARDS: Readonly<Record<string, Card>> = {
  'rtx-3060': { gib: 12, tflops: 12.7 },
  'rtx-3090': { gib: 24, tflops: 35.6 },
  'rtx-4060': { gib: 8, tflops: 15.1 },
  'rtx-4070': { gib: 12, tflops: 29.1 },
  'rtx-4080': { gib: 16, tflops: 48.7 },
  'rtx-4090': { gib: 24, tflops: 82.6 },
  a100: { gib: 40, tflops: 19.5 },
  h100: { gib: 80, tflops: 66.9 },
  h200: { gib: 140, tflops: 66.9 },
  'rx-6800-xt': { gib: 16, tflops: 20.7 },
  'rx-7600': { gib: 8, tflops: 21.5 },
  'rx-7900-xt': { gib: 20, tflops: 51.6 },
  'rx-7900-xtx': { gib: 24, tflops: 61.4 },
  'arc-a770': { gib: 16, tflops: 19.7 },
  'm1-max': { gib: 32, tflops: 10.4 },
  'm2-ultra': { gib: 96, tflops: 27.2 },
};

/** Bindings and buffers of the desktop drivers; the rest is what every adapter has. */
export const CARD_PROFILE = profileOf('gpu', {
  ...DEFAULT_LIMITS,
  maxBufferSize: 2 ** 31,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
});

/** Share of a card's memory that is planned with: drivers and screens take the rest. */
export const USABLE = 0.9;

/**
 * Share of the peak rate that training reaches in f32: ConvNeXt-T with kernels of 31 trains at 783 images/s on an NVIDIA H200, in batches
 * of 64 at 224 pixels.
 */
export const REACHED = 0.37;

/** Seconds that a card takes for so many multiply-adds, at the share of its peak rate that training reaches. */
export function secondsOn({ tflops }: Card, macs: number): number {
  return (2 * macs) / (REACHED * tflops * 1e12);
}

/** Multiply-adds of a training step over those of a forward pass: gradients of maps and of weights take as many again, each. */
export const STEP_OVER_FORWARD = 3;
