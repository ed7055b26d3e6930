import type { GradientSession } from '../../models/gradients.ts';
import type { InferenceSession } from '../../models/inference.ts';
import type { Normalization } from '../../data/normalization.ts';
import { FrameworkError } from '../../util/errors.ts';
import type { AttackedModel, Objective } from './attack.ts';

/** Where ε is measured: in pixels of [0, 1], or in what the model sees, without bounds. */
export type Space = 'pixel' | 'normalised';

export interface SessionModelOptions {
  readonly normalization: Normalization;
  readonly space: Space;
  readonly signal?: AbortSignal | undefined;
  /** Hears of images that went through, a way back counted as two more. */
  readonly onPasses?: ((images: number) => void) | undefined;
}

/** A model on a device under attack. The sessions take so many images at once; how many makes no difference to an image. */
export class SessionModel implements AttackedModel {
  readonly classes: number;
  readonly imageSize: number;
  readonly elems: number;
  readonly bounds: readonly [number, number];
  private readonly forward: InferenceSession;
  private readonly backward: () => Promise<GradientSession>;
  private readonly options: SessionModelOptions;
  private gradients: GradientSession | undefined;

  /** @param backward is made when a gradient is first wanted; an attack that sees logits alone needs none */
  constructor(
    forward: InferenceSession,
    backward: () => Promise<GradientSession>,
    options: SessionModelOptions,
  ) {
    this.forward = forward;
    this.backward = backward;
    this.options = options;
    this.classes = forward.model.config.classes;
    this.imageSize = forward.shape.imageSize;
    this.elems = 3 * this.imageSize ** 2;
    this.bounds = options.space === 'pixel' ? [0, 1] : [-Infinity, Infinity];
  }

  async logits(x: Float32Array): Promise<Float32Array> {
    const n = x.length / this.elems;
    const logits = new Float32Array(n * this.classes);
    for (const [at, count] of this.chunks(n)) {
      const some = await this.forward.logits(this.input(x, at, count), count);
      logits.set(some, at * this.classes);
      this.options.onPasses?.(count);
    }
    return logits;
  }

  async gradient(x: Float32Array, objective: Objective) {
    const { classes, elems } = this;
    const session = (this.gradients ??= await this.backward());
    const n = x.length / elems;
    const [logits, dx, values] = [
      new Float32Array(n * classes),
      new Float32Array(n * elems),
      new Float64Array(n),
    ];
    for (const [at, count] of this.chunks(n)) {
      const pass = await session.pullback(this.input(x, at, count), count, (z) => {
        const dz = new Float32Array(z.length);
        for (let row = 0; row < count; row++) {
          const range = [row * classes, (row + 1) * classes] as const;
          values[at + row] = objective(z.subarray(...range), dz.subarray(...range), at + row);
        }
        return dz;
      });
      logits.set(pass.values, at * classes);
      dx.set(pass.dx, at * elems);
      this.options.onPasses?.(3 * count);
    }
    if (this.options.space === 'pixel') this.perChannel(dx, (value, _, std) => value / std);
    return { logits, dx, values };
  }

  /** Images of the attack's space from what the model's evaluation gives it. */
  fromInput(batch: Float32Array): Float32Array {
    return this.options.space === 'normalised'
      ? batch.slice()
      : pixelsOf(batch, this.imageSize, this.options.normalization);
  }

  /** Pixels of images of the attack's space. */
  toPixels(x: Float32Array): Float32Array {
    const pixels = x.slice();
    if (this.options.space === 'normalised')
      this.perChannel(pixels, (value, mean, std) => value * std + mean);
    return pixels;
  }

  /** The same way back. */
  fromPixels(pixels: Float32Array): Float32Array {
    const x = pixels.slice();
    if (this.options.space === 'normalised')
      this.perChannel(x, (value, mean, std) => Math.fround(value - mean) / std);
    return x;
  }

  destroy(): void {
    this.forward.destroy();
    this.gradients?.destroy();
  }

  /** What the model sees of some images. */
  private input(x: Float32Array, at: number, count: number): Float32Array {
    const { signal, space } = this.options;
    if (signal?.aborted)
      throw new FrameworkError('evaluate/aborted', 'the attack was stopped', {
        hint: 'run it again with the same output folder to go on from the last finished unit',
      });
    const some = x.subarray(at * this.elems, (at + count) * this.elems);
    if (space === 'normalised') return some;
    const input = some.slice();
    // With the roundings of `toTensor`: an image that is not changed gives the same bits.
    this.perChannel(input, (value, mean, std) => Math.fround(value - mean) / std);
    return input;
  }

  private perChannel(x: Float32Array, change: (value: number, mean: number, std: number) => number): void {
    forChannels(x, this.imageSize, this.options.normalization, change);
  }

  private *chunks(n: number): Generator<readonly [number, number]> {
    const { batch } = this.forward.shape;
    for (let at = 0; at < n; at += batch) yield [at, Math.min(batch, n - at)];
  }
}

function forChannels(
  x: Float32Array,
  imageSize: number,
  { mean, std }: Normalization,
  change: (value: number, mean: number, std: number) => number,
): void {
  const plane = imageSize ** 2;
  for (let at = 0, channel = 0; at < x.length; at += plane, channel = (channel + 1) % 3) {
    const [m, s] = [Math.fround(mean[channel] as number), Math.fround(std[channel] as number)];
    for (let i = at; i < at + plane; i++) x[i] = change(x[i] as number, m, s);
  }
}

/** Pixels v/255 from what `toTensor` made of 8-bit images: exactly those. */
export function pixelsOf(batch: Float32Array, imageSize: number, normalization: Normalization): Float32Array {
  const pixels = batch.slice();
  forChannels(pixels, imageSize, normalization, (value, mean, std) => {
    const pixel = Math.fround(Math.round(255 * (value * std + mean)) / 255);
    if (Math.fround(Math.fround(pixel - mean) / std) !== value)
      throw new FrameworkError('attack/pixels', `An image holds ${value}, which no 8-bit pixel becomes.`, {
        hint: 'Attacks begin with unchanged images.',
      });
    return pixel;
  });
  return pixels;
}
