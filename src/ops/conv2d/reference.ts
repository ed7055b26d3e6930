// y[n, o, p, q] = b[o] + Σ_{c, i, j} weight[o, c, i, j] · x[n, g + c, p·sh + i − ph, q·sw + j − pw], zero outside the map;
// output channel o belongs to group ⌊o / (co/groups)⌋, whose input channels start at g. Cross-correlation, as in PyTorch.

/** Sizes of a convolution; `cg` is the number of input channels per group. */
export interface ConvShape {
  readonly n: number;
  readonly ci: number;
  readonly h: number;
  readonly w: number;
  readonly co: number;
  readonly cg: number;
  readonly kh: number;
  readonly kw: number;
  readonly sh: number;
  readonly sw: number;
  readonly ph: number;
  readonly pw: number;
  readonly groups: number;
  readonly ho: number;
  readonly wo: number;
}

/** Calls `visit` with the offsets into x, weight and y of every multiply-add that touches data, not padding. */
function eachProduct(s: ConvShape, visit: (x: number, weight: number, y: number) => void): void {
  const perGroup = s.co / s.groups;
  for (let n = 0; n < s.n; n++)
    for (let o = 0; o < s.co; o++)
      for (let p = 0; p < s.ho; p++)
        for (let q = 0; q < s.wo; q++) {
          const y = ((n * s.co + o) * s.ho + p) * s.wo + q;
          for (let c = 0; c < s.cg; c++)
            for (let i = 0; i < s.kh; i++)
              for (let j = 0; j < s.kw; j++) {
                const row = p * s.sh + i - s.ph;
                const col = q * s.sw + j - s.pw;
                if (row < 0 || row >= s.h || col < 0 || col >= s.w) continue;
                const channel = Math.floor(o / perGroup) * s.cg + c;
                visit(
                  ((n * s.ci + channel) * s.h + row) * s.w + col,
                  ((o * s.cg + c) * s.kh + i) * s.kw + j,
                  y,
                );
              }
        }
}

export function conv2dReference(
  s: ConvShape,
  x: Float64Array,
  weight: Float64Array,
  bias: Float64Array | undefined,
): Float64Array {
  const area = s.ho * s.wo;
  const y = new Float64Array(s.n * s.co * area);
  if (bias !== undefined) y.forEach((_, i) => (y[i] = bias[Math.floor(i / area) % s.co] as number));
  eachProduct(s, (at, tap, out) => {
    y[out] = (y[out] as number) + (x[at] as number) * (weight[tap] as number);
  });
  return y;
}

export function conv2dGradInputReference(s: ConvShape, dy: Float64Array, weight: Float64Array): Float64Array {
  const dx = new Float64Array(s.n * s.ci * s.h * s.w);
  eachProduct(s, (at, tap, out) => {
    dx[at] = (dx[at] as number) + (dy[out] as number) * (weight[tap] as number);
  });
  return dx;
}

export function conv2dGradWeightReference(
  s: ConvShape,
  x: Float64Array,
  dy: Float64Array,
): { dweight: Float64Array; dbias: Float64Array } {
  const dweight = new Float64Array(s.co * s.cg * s.kh * s.kw);
  const dbias = new Float64Array(s.co);
  eachProduct(s, (at, tap, out) => {
    dweight[tap] = (dweight[tap] as number) + (dy[out] as number) * (x[at] as number);
  });
  dy.forEach((value, i) => {
    const channel = Math.floor(i / (s.ho * s.wo)) % s.co;
    dbias[channel] = (dbias[channel] as number) + value;
  });
  return { dweight, dbias };
}
