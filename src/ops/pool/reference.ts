// Windows: output (p, q) covers rows p·sh − ph … + kh − 1 and columns q·sw − pw … + kw − 1 of its plane.
// Max pool: y = max over the window, padding −∞ (or 0); all of dy goes to the first maximum in row-major order.
// Average pool: y = Σ window / (kh·kw), padding 0 and counted. Global average pool: y = mean of the plane.

/** A pooling window over planes (n·c, h, w) → (n·c, ho, wo). */
export interface PoolShape {
  readonly planes: number;
  readonly h: number;
  readonly w: number;
  readonly kh: number;
  readonly kw: number;
  readonly sh: number;
  readonly sw: number;
  readonly ph: number;
  readonly pw: number;
  readonly ho: number;
  readonly wo: number;
}

/** Calls `visit` with every output's offset and the offsets into x of its window, −1 for padding, in row-major order. */
function eachWindow(s: PoolShape, visit: (y: number, window: readonly number[]) => void): void {
  for (let plane = 0; plane < s.planes; plane++)
    for (let p = 0; p < s.ho; p++)
      for (let q = 0; q < s.wo; q++) {
        const window: number[] = [];
        for (let i = 0; i < s.kh; i++)
          for (let j = 0; j < s.kw; j++) {
            const row = p * s.sh + i - s.ph;
            const col = q * s.sw + j - s.pw;
            const inside = row >= 0 && row < s.h && col >= 0 && col < s.w;
            window.push(inside ? (plane * s.h + row) * s.w + col : -1);
          }
        visit((plane * s.ho + p) * s.wo + q, window);
      }
}

/** The offset of the first maximum (−1: a zero of the padding) and its value. */
function firstMaximum(x: Float64Array, window: readonly number[], zeroPadding: boolean): [number, number] {
  let at = -1;
  let largest = -Infinity;
  for (const offset of window) {
    if (offset < 0 && !zeroPadding) continue;
    const value = offset < 0 ? 0 : (x[offset] as number);
    if (value > largest) [at, largest] = [offset, value];
  }
  return [at, largest];
}

export function maxPoolReference(s: PoolShape, x: Float64Array, zeroPadding: boolean): Float64Array {
  const y = new Float64Array(s.planes * s.ho * s.wo);
  eachWindow(s, (out, window) => (y[out] = firstMaximum(x, window, zeroPadding)[1]));
  return y;
}

export function maxPoolGradientReference(
  s: PoolShape,
  x: Float64Array,
  dy: Float64Array,
  zeroPadding: boolean,
): Float64Array {
  const dx = new Float64Array(x.length);
  eachWindow(s, (out, window) => {
    const [at] = firstMaximum(x, window, zeroPadding);
    if (at >= 0) dx[at] = (dx[at] as number) + (dy[out] as number);
  });
  return dx;
}

export function averagePoolReference(s: PoolShape, x: Float64Array): Float64Array {
  const y = new Float64Array(s.planes * s.ho * s.wo);
  eachWindow(s, (out, window) => {
    const total = window.reduce((sum, at) => sum + (at < 0 ? 0 : (x[at] as number)), 0);
    y[out] = total / (s.kh * s.kw);
  });
  return y;
}

export function averagePoolGradientReference(s: PoolShape, dy: Float64Array): Float64Array {
  const dx = new Float64Array(s.planes * s.h * s.w);
  eachWindow(s, (out, window) => {
    for (const at of window) if (at >= 0) dx[at] = (dx[at] as number) + (dy[out] as number) / (s.kh * s.kw);
  });
  return dx;
}

export function globalAveragePoolReference(x: Float64Array, area: number): Float64Array {
  const plane = (i: number) => x.subarray(i * area, (i + 1) * area);
  return Float64Array.from(
    { length: x.length / area },
    (_, i) => plane(i).reduce((sum, v) => sum + v, 0) / area,
  );
}

export function globalAveragePoolGradientReference(dy: Float64Array, area: number): Float64Array {
  return Float64Array.from(
    { length: dy.length * area },
    (_, i) => (dy[Math.floor(i / area)] as number) / area,
  );
}
