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

/** Index into the branch of element (image, channel, position). */
export function branchIndex({ c, plane, rows }: ResidualSize): (i: number, j: number, p: number) => number {
  return rows ? (i, j, p) => (i * plane + p) * c + j : (i, j, p) => (i * c + j) * plane + p;
}

/** Calls `visit(index in a map tensor, index in the branch, factor mask·gamma, mask, channel)` for every element. */
export function eachResidual(
  size: ResidualSize,
  gamma: Float64Array | undefined,
  mask: Float64Array | undefined,
  visit: (at: number, branchAt: number, factor: number, kept: number, channel: number) => void,
): void {
  const indexOf = branchIndex(size);
  let at = 0;
  for (let i = 0; i < size.n; i++) {
    const kept = mask?.[i] ?? 1;
    for (let j = 0; j < size.c; j++) {
      const factor = kept * (gamma?.[j] ?? 1);
      for (let p = 0; p < size.plane; p++) visit(at++, indexOf(i, j, p), factor, kept, j);
    }
  }
}
