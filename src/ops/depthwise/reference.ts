// y[n,c,oy,ox] = bias[c] + Σ_{ky,kx} weight[c,0,ky,kx] · x[n,c,oy+ky−kh>>1,ox+kx−kw>>1], x zero outside its map.
// dx[n,c,iy,ix] = Σ weight[c,0,ky,kx] · dy[n,c,iy−ky+kh>>1,ix−kx+kw>>1]
// dweight[c,0,ky,kx] = Σ_{n,oy,ox} dy[n,c,oy,ox] · x[n,c,oy+ky−kh>>1,ox+kx−kw>>1];  dbias[c] = Σ_{n,oy,ox} dy[n,c,oy,ox]

/** Sizes of one depthwise convolution, stride 1, same padding. */
export interface DepthwiseSizes {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly kh: number;
  readonly kw: number;
}

/** Calls `meet(tap, y, x)` with flat indices for every tap, output and input element that meet. */
function everyMeeting(sizes: DepthwiseSizes, meet: (tap: number, y: number, x: number) => void): void {
  const { n, c, h, w, kh, kw } = sizes;
  for (let plane = 0; plane < n * c; plane++) {
    for (let ky = 0; ky < kh; ky++) {
      const dy = ky - (kh >> 1);
      for (let kx = 0; kx < kw; kx++) {
        const dx = kx - (kw >> 1);
        const tap = ((plane % c) * kh + ky) * kw + kx;
        for (let oy = Math.max(0, -dy); oy < Math.min(h, h - dy); oy++) {
          const row = (plane * h + oy) * w;
          for (let ox = Math.max(0, -dx); ox < Math.min(w, w - dx); ox++)
            meet(tap, row + ox, row + dy * w + ox + dx);
        }
      }
    }
  }
}

export function depthwiseReference(
  x: Float64Array,
  weight: Float64Array,
  bias: Float64Array | undefined,
  sizes: DepthwiseSizes,
): Float64Array {
  const plane = sizes.h * sizes.w;
  const y = x.map((_, i) => bias?.[Math.floor(i / plane) % sizes.c] ?? 0);
  everyMeeting(sizes, (tap, o, i) => {
    y[o] = (y[o] as number) + (weight[tap] as number) * (x[i] as number);
  });
  return y;
}

export function depthwiseGradInputReference(
  dy: Float64Array,
  weight: Float64Array,
  addend: Float64Array | undefined,
  sizes: DepthwiseSizes,
): Float64Array {
  const dx = addend?.slice() ?? new Float64Array(dy.length);
  everyMeeting(sizes, (tap, o, i) => {
    dx[i] = (dx[i] as number) + (weight[tap] as number) * (dy[o] as number);
  });
  return dx;
}

export function depthwiseGradWeightReference(
  x: Float64Array,
  dy: Float64Array,
  sizes: DepthwiseSizes,
): { dweight: Float64Array; dbias: Float64Array } {
  const { c, h, w, kh, kw } = sizes;
  const dweight = new Float64Array(c * kh * kw);
  everyMeeting(sizes, (tap, o, i) => {
    dweight[tap] = (dweight[tap] as number) + (dy[o] as number) * (x[i] as number);
  });
  const dbias = new Float64Array(c);
  dy.forEach((value, i) => {
    const channel = Math.floor(i / (h * w)) % c;
    dbias[channel] = (dbias[channel] as number) + value;
  });
  return { dweight, dbias };
}
