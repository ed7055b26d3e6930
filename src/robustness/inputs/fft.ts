/** The discrete Fourier transform of any length: mixed radix, real and imaginary parts in float64. */
export class Fft {
  readonly length: number;
  private readonly cos: Float64Array;
  private readonly sin: Float64Array;

  constructor(length: number) {
    this.length = length;
    const angle = (k: number) => (2 * Math.PI * k) / length;
    this.cos = Float64Array.from({ length }, (_, k) => Math.cos(angle(k)));
    this.sin = Float64Array.from({ length }, (_, k) => -Math.sin(angle(k)));
  }

  /** X(k) = Σ x(i) e^(−2πi k/length), written over x. */
  forward(re: Float64Array, im: Float64Array): void {
    const n = this.length;
    const [outRe, outIm] = [new Float64Array(n), new Float64Array(n)];
    this.step(re, im, 0, 1, outRe, outIm, 0, n);
    re.set(outRe);
    im.set(outIm);
  }

  /** The inverse, with 1/length. */
  inverse(re: Float64Array, im: Float64Array): void {
    this.forward(im, re); // swapped parts are conjugate up to i
    for (let i = 0; i < this.length; i++) {
      re[i] = (re[i] as number) / this.length;
      im[i] = (im[i] as number) / this.length;
    }
  }

  /** Transforms the n values from `at` on, `stride` apart, into `out` from `to` on. */
  private step(
    re: Float64Array,
    im: Float64Array,
    at: number,
    stride: number,
    outRe: Float64Array,
    outIm: Float64Array,
    to: number,
    n: number,
  ): void {
    if (n === 1) {
      outRe[to] = re[at] as number;
      outIm[to] = im[at] as number;
      return;
    }
    const p = smallestFactor(n);
    const m = n / p;
    for (let r = 0; r < p; r++) this.step(re, im, at + r * stride, stride * p, outRe, outIm, to + r * m, m);
    const turn = this.length / n;
    const [partRe, partIm] = [new Float64Array(p), new Float64Array(p)];
    for (let k = 0; k < m; k++) {
      for (let r = 0; r < p; r++) {
        const [a, b] = [outRe[to + r * m + k] as number, outIm[to + r * m + k] as number];
        const [c, s] = [this.cos[turn * r * k] as number, this.sin[turn * r * k] as number];
        partRe[r] = a * c - b * s;
        partIm[r] = a * s + b * c;
      }
      for (let q = 0; q < p; q++) {
        let [sumRe, sumIm] = [0, 0];
        for (let r = 0; r < p; r++) {
          const w = (turn * m * q * r) % this.length;
          const [c, s] = [this.cos[w] as number, this.sin[w] as number];
          sumRe += (partRe[r] as number) * c - (partIm[r] as number) * s;
          sumIm += (partRe[r] as number) * s + (partIm[r] as number) * c;
        }
        outRe[to + q * m + k] = sumRe;
        outIm[to + q * m + k] = sumIm;
      }
    }
  }
}

function smallestFactor(n: number): number {
  for (let p = 2; p * p <= n; p++) if (n % p === 0) return p;
  return n;
}

type Transform = (re: Float64Array, im: Float64Array) => void;

/** Transforms every row of (height, width), then every column. */
export function transform2d(
  [re, im, width, height]: readonly [re: Float64Array, im: Float64Array, width: number, height: number],
  ofRow: Transform,
  ofColumn: Transform = ofRow,
): void {
  for (const { lines, length, step, next, transform } of [
    { lines: height, length: width, step: 1, next: width, transform: ofRow },
    { lines: width, length: height, step: width, next: 1, transform: ofColumn },
  ]) {
    const [lineRe, lineIm] = [new Float64Array(length), new Float64Array(length)];
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        lineRe[i] = re[line * next + i * step] as number;
        lineIm[i] = im[line * next + i * step] as number;
      }
      transform(lineRe, lineIm);
      for (let i = 0; i < length; i++) {
        re[line * next + i * step] = lineRe[i] as number;
        im[line * next + i * step] = lineIm[i] as number;
      }
    }
  }
}
