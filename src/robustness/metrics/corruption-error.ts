import { alexnetImagenetC } from './normalisers.ts';

/** Top-1 errors as fractions, by corruption; entry s − 1 is severity s. */
export type ErrorsBySeverity = Readonly<Record<string, readonly number[]>>;

/** Every aggregate of ImageNet-C, as fractions of 1 (multiply by 100 to print). Undefined where a corruption is missing. */
export interface CorruptionSummary {
  /** Mean error over severities, by corruption. */
  readonly meanError: Readonly<Record<string, number>>;
  /** CE_c = mean error / AlexNet's mean error, for the 15. */
  readonly ce: Readonly<Record<string, number>>;
  /** (mean error − clean error) / the same of AlexNet, for the 15; empty without a clean error. */
  readonly relativeCe: Readonly<Record<string, number>>;
  /** Mean CE over the 15: the leaderboard's "mCE". */
  readonly mce: number | undefined;
  /** Mean of (mean error − clean error) / the same of AlexNet, over the 15. */
  readonly relativeMce: number | undefined;
  /** Un-normalised mean error over the 15 and over all 19. */
  readonly meanError15: number | undefined;
  readonly meanError19: number | undefined;
  /** Mean accuracy at severity 5 over all 19. */
  readonly accuracy19Severity5: number | undefined;
}

/** @param cleanError top-1 error on the clean images as a fraction; without it there is no relative mCE */
export function summariseCorruptions(errors: ErrorsBySeverity, cleanError?: number): CorruptionSummary {
  const { benchmark, extra, mean_error: alexnet, clean_error: alexnetClean } = alexnetImagenetC();
  const complete = Object.entries(errors).filter(([, values]) => values.length === 5);
  const meanError = Object.fromEntries(complete.map(([name, values]) => [name, mean(values)]));
  const over = (names: readonly string[], of: (name: string) => number | undefined): number | undefined => {
    const values = names.map(of);
    return values.every((value) => value !== undefined) ? mean(values) : undefined;
  };
  const ceOf = (name: string): number | undefined => {
    const [own, reference] = [meanError[name], alexnet[name]];
    return own === undefined || reference === undefined ? undefined : own / reference;
  };
  const relativeOf = (name: string): number | undefined => {
    const [own, reference] = [meanError[name], alexnet[name]];
    if (own === undefined || reference === undefined || cleanError === undefined) return undefined;
    return (own - cleanError) / (reference - alexnetClean);
  };
  const all = [...benchmark, ...extra];
  return {
    meanError,
    ce: defined(benchmark, ceOf),
    relativeCe: defined(benchmark, relativeOf),
    mce: over(benchmark, ceOf),
    relativeMce: over(benchmark, relativeOf),
    meanError15: over(benchmark, (name) => meanError[name]),
    meanError19: over(all, (name) => meanError[name]),
    accuracy19Severity5: over(all, (name) => {
      const worst = errors[name]?.[4];
      return worst === undefined ? undefined : 1 - worst;
    }),
  };
}

function defined(names: readonly string[], of: (name: string) => number | undefined): Record<string, number> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = of(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
