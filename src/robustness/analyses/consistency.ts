import type { BenchmarkResult } from '../benchmarks/evaluation/result.ts';
import { Z95 } from '../metrics/accuracy.ts';
import { unpackBits } from '../scoring/bits.ts';

/** How far two models err on the same images (Geirhos et al. 2020): Cohen's κ of right and wrong. */
export interface ErrorConsistency {
  readonly models: readonly [string, string];
  /** The point of a sweep: `<curve>/<x>/<repetition>`. */
  readonly point: string;
  readonly images: number;
  /** Images on which both are right, or both wrong. */
  readonly agreed: number;
  /** 1: the same errors; 0: as many in common as two independent models of these accuracies have. */
  readonly kappa: number;
  readonly low: number;
  readonly high: number;
}

/** κ with its 95 % interval (Cohen 1960) of two lists of `1` and `0`; undefined where both models are always right or always wrong. */
export function consistency(
  a: string,
  b: string,
): Pick<ErrorConsistency, 'images' | 'agreed' | 'kappa' | 'low' | 'high'> | undefined {
  const n = a.length;
  const right = (bits: string) => Array.from(bits).filter((bit) => bit === '1').length / n;
  const agreed = Array.from(a).filter((bit, i) => bit === b[i]).length;
  const [p, q, observed] = [right(a), right(b), agreed / n];
  const expected = p * q + (1 - p) * (1 - q);
  if (expected === 1) return undefined;
  const kappa = (observed - expected) / (1 - expected);
  const half = (Z95 * Math.sqrt((observed * (1 - observed)) / n)) / (1 - expected);
  return { images: n, agreed, kappa, low: Math.max(-1, kappa - half), high: Math.min(1, kappa + half) };
}

/** Compares every two results on the same files, at every point that both have. @param made results with the names of their models */
export function errorConsistency(
  made: readonly { readonly name: string; readonly result: BenchmarkResult }[],
): ErrorConsistency[] {
  return made.flatMap(({ name: first, result: a }, i) =>
    made.slice(i + 1).flatMap(({ name: second, result: b }) => {
      if (a.protocol.fileListSha256 !== b.protocol.fileListSha256) return [];
      return a.parts.flatMap(({ name, items, correct }): ErrorConsistency[] => {
        const other = b.parts.find((part) => part.name === name);
        if (correct === undefined || other?.correct === undefined || other.items !== items) return [];
        const found = consistency(unpackBits(correct, items), unpackBits(other.correct, items));
        return found === undefined ? [] : [{ models: [first, second], point: name, ...found }];
      });
    }),
  );
}
