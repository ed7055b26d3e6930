import { Rng } from '../util/rng.ts';

/** Stochastic depth (Huang et al. 2016): in training, each sample skips a residual branch with probability `rate`. */

/** A residual branch that can be dropped. */
export interface DropPath {
  /** The graph input (n) the host fills with 0 or 1/(1 − rate) before each micro-batch. */
  readonly input: string;
  readonly rate: number;
}

/** Rates of `blocks` residual blocks: linear from 0 for the first to `last` for the last. */
export function dropPathRates(blocks: number, last: number): number[] {
  return Array.from({ length: blocks }, (_, i) => (blocks === 1 ? 0 : (last * i) / (blocks - 1)));
}

/**
 * The mask of one branch: kept samples carry 1/keep, dropped ones 0. A sample's draw depends on the seed, the branch and its own
 * index alone, not on the batch it is in.
 * @param first index of the first sample in the run: step · effective batch + offset of the micro-batch
 * @returns (n)
 */
export function drawDropPath(
  { input, rate }: DropPath,
  seed: number,
  first: number,
  n: number,
): Float32Array {
  const keep = 1 - rate;
  return Float32Array.from({ length: n }, (_, i) =>
    new Rng(seed, input, first + i).uniform() < keep ? 1 / keep : 0,
  );
}
