// y[n, c, p, q] = x[n, c − before, 2p, 2q] for before ≤ c < before + channels of x, else 0; before = ⌊(channels − c)/2⌋.

export interface SubsampleShape {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly ho: number;
  readonly wo: number;
  readonly channels: number;
  readonly before: number;
}

/** Calls `visit` with the offsets into y and x of every element that is copied. */
function eachCopy(s: SubsampleShape, visit: (y: number, x: number) => void): void {
  for (let n = 0; n < s.n; n++)
    for (let c = 0; c < s.c; c++)
      for (let p = 0; p < s.ho; p++)
        for (let q = 0; q < s.wo; q++)
          visit(
            ((n * s.channels + c + s.before) * s.ho + p) * s.wo + q,
            ((n * s.c + c) * s.h + 2 * p) * s.w + 2 * q,
          );
}

export function subsamplePadReference(s: SubsampleShape, x: Float64Array): Float64Array {
  const y = new Float64Array(s.n * s.channels * s.ho * s.wo);
  eachCopy(s, (to, from) => (y[to] = x[from] as number));
  return y;
}

export function subsamplePadGradientReference(s: SubsampleShape, dy: Float64Array): Float64Array {
  const dx = new Float64Array(s.n * s.c * s.h * s.w);
  eachCopy(s, (from, to) => (dx[to] = dy[from] as number));
  return dx;
}
