import { newImage, type Image } from '../image/image.ts';

/**
 * Pillow's GaussianBlur: three passes of a box with a fractional edge along each axis, in 24-bit fixed point, each rounded to
 * 8 bits (python-pillow/Pillow src/libImaging/BoxBlur.c; Gwosdek et al., SSVM 2011). Edges repeat.
 *
 * @param radius the standard deviation in pixels
 */
export function gaussianBlur(image: Image, radius: number): Image {
  const box = boxRadius(radius);
  if (box === 0) return image;
  const { width, height } = image;
  const out = newImage(width, height);
  const { data } = out;
  data.set(image.data);
  const weights = boxWeights(box);
  for (let y = 0; y < height; y++)
    for (let c = 0; c < 3; c++) blurLine(data, y * width * 3 + c, 3, width, weights);
  for (let i = 0; i < width * 3; i++) blurLine(data, i, width * 3, height, weights);
  return out;
}

const PASSES = 3;

/** The extended box length of one pass for a total standard deviation of `sigma`, single precision as in C. */
function boxRadius(sigma: number): number {
  const f = Math.fround;
  const variance = f(f(f(sigma) * f(sigma)) / PASSES);
  const length = f(Math.sqrt(12 * variance + 1));
  const whole = f(Math.floor((length - 1) / 2));
  const fraction = f(f(f(2 * whole) + 1) * f(f(whole * f(whole + 1)) - f(3 * variance)));
  return f(whole + f(fraction / f(6 * f(variance - f(f(whole + 1) * f(whole + 1))))));
}

interface BoxWeights {
  readonly radius: number;
  /** 24-bit weights of a pixel inside the box, and of the two pixels just outside it. */
  readonly inner: number;
  readonly outer: number;
}

function boxWeights(box: number): BoxWeights {
  const radius = Math.floor(box);
  const inner = Math.floor(Math.fround(2 ** 24 / Math.fround(Math.fround(box * 2) + 1)));
  return { radius, inner, outer: Math.floor((2 ** 24 - (radius * 2 + 1) * inner) / 2) };
}

/** Three passes along one line of `count` values, `stride` bytes apart. */
function blurLine(data: Uint8Array, start: number, stride: number, count: number, weights: BoxWeights): void {
  const { radius, inner, outer } = weights;
  const reach = radius + 1;
  // The line with `reach` repeats of its ends, so that no index needs clamping.
  const line = new Uint8Array(count + 2 * reach);
  for (let i = 0; i < count; i++) line[reach + i] = data[start + i * stride] as number;
  const next = new Uint8Array(count);
  for (let pass = 0; pass < PASSES; pass++) {
    line.fill(line[reach] as number, 0, reach);
    line.fill(line[reach + count - 1] as number, reach + count);
    let sum = 0;
    for (let i = 1; i < 2 * reach - 1; i++) sum += line[i] as number;
    for (let i = 0; i < count; i++) {
      sum += line[i + 2 * radius + 1] as number;
      const ends = (line[i] as number) + (line[i + 2 * reach] as number);
      next[i] = (Math.imul(sum, inner) + Math.imul(ends, outer) + (1 << 23)) >>> 24;
      sum -= line[i + 1] as number;
    }
    line.set(next, reach);
  }
  for (let i = 0; i < count; i++) data[start + i * stride] = next[i] as number;
}
