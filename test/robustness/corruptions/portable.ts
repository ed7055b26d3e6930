/** The portable generator and image with which the reference pixels of `test/golden/robustness/corruptions.json` were made. */
import type { Image } from '../../../src/data/image/image.ts';
import type { Draws } from '../../../src/robustness/corruptions/types.ts';

/** mulberry32; a normal is the sum of 12 uniforms minus 6. */
export class PortableDraws implements Draws {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  uniform(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  int(n: number): number {
    return Math.floor(n * this.uniform());
  }

  normal(): number {
    let sum = 0;
    for (let i = 0; i < 12; i++) sum += this.uniform();
    return sum - 6;
  }
}

/** Uniforms from one source up to a count, then from another: the two arrays of impulse noise. */
export function uniformsInTurn(first: Draws, count: number, second: Draws): Draws {
  let drawn = 0;
  return { ...fixedDraws({}), uniform: () => (drawn++ < count ? first : second).uniform() };
}

/** Normals from a source; angles and integers given. Throws when asked for anything else. */
export function fixedDraws(given: { normals?: Draws; angle?: number; integers?: number[] }): Draws {
  const missing = (what: string) => (): never => {
    throw new Error(`the case gives no ${what}`);
  };
  const integers = [...(given.integers ?? [])];
  return {
    uniform: missing('uniform'),
    normal: given.normals ? () => given.normals!.normal() : missing('normal'),
    between: given.angle === undefined ? missing('angle') : () => given.angle!,
    int: () => integers.shift() ?? missing('integer')(),
  };
}

/** A colourful 8-bit image without randomness. */
export function synth(height: number, width: number): Image {
  const data = new Uint8Array(height * width * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const wave = Math.floor((x * (3 + c) + y * (5 - c)) / 4);
        const tiles = 60 * ((Math.floor(x / 28) + Math.floor(y / 32) + c) % 3);
        data[at++] = (wave + 37 * c + tiles + Math.floor((x * y) / 97)) % 256;
      }
    }
  }
  return { width, height, data };
}
