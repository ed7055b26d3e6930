import { reflect101, reflectEdge } from './pixels.ts';

/** Row-major 2×3: source = [a b c; d e f]·(x, y, 1). */
export type Affine = readonly [number, number, number, number, number, number];

/** The affine map that takes three points P to three points Q, both as [x, y]. */
export function affineFromPoints(
  p: readonly (readonly [number, number])[],
  q: readonly (readonly [number, number])[],
): Affine {
  const [p0, p1, p2] = p as [[number, number], [number, number], [number, number]];
  const [q0, q1, q2] = q as [[number, number], [number, number], [number, number]];
  const x1 = p1[0] - p0[0];
  const y1 = p1[1] - p0[1];
  const x2 = p2[0] - p0[0];
  const y2 = p2[1] - p0[1];
  const determinant = x1 * y2 - x2 * y1;
  const row = (axis: 0 | 1): [number, number, number] => {
    const u1 = q1[axis] - q0[axis];
    const u2 = q2[axis] - q0[axis];
    const a = (u1 * y2 - u2 * y1) / determinant;
    const b = (u2 * x1 - u1 * x2) / determinant;
    return [a, b, q0[axis] - a * p0[0] - b * p0[1]];
  };
  return [...row(0), ...row(1)];
}

export function invertAffine([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * e - b * d;
  const ia = e / determinant;
  const ib = -b / determinant;
  const id = -d / determinant;
  const ie = a / determinant;
  return [ia, ib, -(ia * c + ib * f), id, ie, -(id * c + ie * f)];
}

/**
 * OpenCV's warpAffine in single precision: (height, width, 3) sampled at `inverse`·(x, y), bilinear, border mirrored
 * without the edge.
 */
export function warpAffine(
  source: Float32Array,
  width: number,
  height: number,
  inverse: Affine,
): Float32Array {
  const [a, b, c, d, e, f] = inverse;
  const out = new Float32Array(source.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3)
      sample(out, to, source, width, height, a * x + b * y + c, d * x + e * y + f, reflect101);
  }
  return out;
}

/** scipy's map_coordinates of order 1: out(y, x) = source(y + dy, x + dx), the edge mirrored and repeated. */
export function displace(
  source: Float32Array,
  width: number,
  height: number,
  dx: ArrayLike<number>,
  dy: ArrayLike<number>,
): Float32Array {
  const out = new Float32Array(source.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++)
      sample(out, 3 * i, source, width, height, x + (dx[i] as number), y + (dy[i] as number), reflectEdge);
  }
  return out;
}

function sample(
  out: Float32Array,
  to: number,
  source: Float32Array,
  width: number,
  height: number,
  x: number,
  y: number,
  border: (i: number, n: number) => number,
): void {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const wx = x - x0;
  const wy = y - y0;
  const left = border(x0, width) * 3;
  const right = border(x0 + 1, width) * 3;
  const above = border(y0, height) * width * 3;
  const below = border(y0 + 1, height) * width * 3;
  for (let c = 0; c < 3; c++) {
    out[to + c] =
      (source[above + left + c] as number) * (1 - wy) * (1 - wx) +
      (source[above + right + c] as number) * (1 - wy) * wx +
      (source[below + left + c] as number) * wy * (1 - wx) +
      (source[below + right + c] as number) * wy * wx;
  }
}
