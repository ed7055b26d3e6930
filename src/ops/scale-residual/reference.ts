// y = x + mask[n] gamma[c] branch;  dbranch = mask[n] gamma[c] dy,  dgamma[c] = Σ mask[n] branch dy.  x and y are (n, c, plane);
// branch has the same layout or is (n·plane, c).

export interface ResidualSize {
  readonly n: number;
  readonly c: number;
  /** h·w */
  readonly plane: number;
  /** The branch is (n·plane, c). */
  readonly rows: boolean;
}

/** Without them a factor is 1. */
export interface Factors {
  /** (c) */
  readonly gamma?: Float64Array | undefined;
  /** (n) */
  readonly mask?: Float64Array | undefined;
}

/** Calls `visit(index in a map tensor, index in the branch, factor mask·gamma, mask, channel)` for every element. */
function eachResidual(
  { n, c, plane, rows }: ResidualSize,
  { gamma, mask }: Factors,
  visit: (at: number, branchAt: number, factor: number, kept: number, channel: number) => void,
): void {
  let at = 0;
  for (let i = 0; i < n; i++) {
    const kept = mask?.[i] ?? 1;
    for (let j = 0; j < c; j++) {
      const factor = kept * (gamma?.[j] ?? 1);
      for (let p = 0; p < plane; p++, at++) visit(at, rows ? (i * plane + p) * c + j : at, factor, kept, j);
    }
  }
}

export function scaleResidualReference(
  size: ResidualSize,
  x: Float64Array,
  branch: Float64Array,
  factors: Factors,
): Float64Array {
  const y = new Float64Array(x.length);
  eachResidual(size, factors, (at, branchAt, factor) => {
    y[at] = (x[at] as number) + factor * (branch[branchAt] as number);
  });
  return y;
}

export function scaleResidualGradientReference(
  size: ResidualSize,
  dy: Float64Array,
  branch: Float64Array | undefined,
  factors: Factors,
): { dbranch: Float64Array; dgamma: Float64Array } {
  const dbranch = new Float64Array(dy.length);
  const dgamma = new Float64Array(size.c);
  eachResidual(size, factors, (at, branchAt, factor, kept, channel) => {
    const d = dy[at] as number;
    dbranch[branchAt] = factor * d;
    dgamma[channel] = (dgamma[channel] as number) + kept * d * (branch?.[branchAt] ?? 0);
  });
  return { dbranch, dgamma };
}
