/** Which sample comes when: a function of (seed, epoch) alone. */
import { Rng } from '../util/rng.ts';

/**
 * Positions in one epoch. With repeated augmentation, DeiT's sampler keeps the largest multiple of 256
 * (facebookresearch/deit samplers.py); fewer than 256 samples are all kept.
 */
export function epochLength(length: number, repeats: number): number {
  return repeats > 1 && length >= 256 ? Math.floor(length / 256) * 256 : length;
}

/**
 * The sample at each position of an epoch: a fresh permutation, each entry `repeats` times in a row, cut to the epoch's length. So
 * one epoch sees about 1 / repeats of the samples, and the views of one usually land in one batch.
 */
export function epochOrder(
  seed: number,
  epoch: number,
  length: number,
  repeats: number,
  shuffle = true,
): Uint32Array {
  const order = shuffle
    ? new Rng(seed, 'shuffle', epoch).permutation(length)
    : Uint32Array.from({ length }, (_, i) => i);
  if (repeats === 1) return order;
  return Uint32Array.from({ length: epochLength(length, repeats) }, (_, i) => order[Math.floor(i / repeats)] as number);
}

/** A share of the batches: of each run of `every`, those from number `from` to before `to`. */
export interface LoaderShare {
  readonly every: number;
  readonly from: number;
  readonly to: number;
}

export function isIn(step: number, share: LoaderShare | undefined): boolean {
  return share === undefined || (step % share.every >= share.from && step % share.every < share.to);
}

/** Where training batches begin and end. */
export interface TrainingStart {
  readonly epoch: number;
  readonly step: number;
  readonly epochs: number;
  /** Only these of each epoch's batches. Default: all. */
  readonly share?: LoaderShare | undefined;
}
