import { join } from 'node:path';
import type { Image } from '../../data/image/image.ts';
import { resize } from '../../data/image/resize.ts';
import { openNpy, writeNpy } from '../../formats/npy.ts';
import { FrameworkError } from '../../util/errors.ts';
import { existsNow, makeFolder } from '../../util/files.ts';
import { readSealed, readSealedIfThere, sealedKind, writeSealed } from '../../util/sealed.ts';
import type { Space } from './session-model.ts';

/** What a set of adversarial images is: `set.json` beside them. */
export interface SetRecord {
  readonly attack: string;
  /** Everything that the images depend on, in words. */
  readonly settings: string;
  readonly model: string;
  readonly modelFingerprint: string;
  /** `imagesSum` of the data set whose images were changed: they are known by their places in it. */
  readonly images: string;
  readonly imageSize: number;
  readonly norm: 'linf' | 'l2';
  /** Where ε was measured; the images themselves are pixels. */
  readonly space: Space;
  readonly epsilons: readonly number[];
}

const SET = sealedKind<SetRecord>(
  'adversarial set',
  2,
  'Delete the folder and run the attack with --save again.',
);

/**
 * Adversarial images as they are, without rounding: `set.json` and `eps-<ε>/<number of the image>.npy`, float32 pixels (3, h, w) of [0, 1].
 * @example const set = await AdversarialSet.open('runs/pgd'); const image = await set.read(0.004, 17, 224);
 */
export class AdversarialSet {
  readonly folder: string;
  readonly record: SetRecord;

  private constructor(folder: string, record: SetRecord) {
    this.folder = folder;
    this.record = record;
  }

  /** @throws FrameworkError `file/missing`, `file/damaged` */
  static async open(folder: string): Promise<AdversarialSet> {
    return new AdversarialSet(folder, await readSealed(join(folder, 'set.json'), SET));
  }

  /** A set to be filled, or filled further. @throws FrameworkError `attack/other-set` */
  static async create(folder: string, record: SetRecord): Promise<AdversarialSet> {
    const path = join(folder, 'set.json');
    const before = await readSealedIfThere(path, SET);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(record))
      throw new FrameworkError(
        'attack/other-set',
        `${folder} holds images of ${before.attack} of ${before.model} at ε ${before.epsilons.join(', ')} (${before.settings}).`,
        { hint: 'Name another folder with --save, or delete that one.' },
      );
    await makeFolder(folder);
    await writeSealed(path, SET, record);
    return new AdversarialSet(folder, record);
  }

  async write(eps: number, number: number, pixels: Float32Array): Promise<void> {
    const side = this.record.imageSize;
    await makeFolder(join(this.folder, `eps-${eps}`));
    await writeNpy(this.pathOf(eps, number), pixels, [3, side, side]);
  }

  /**
   * An image at the side that another model takes: as it is, or rounded to 8 bits and resized bicubically.
   * @throws FrameworkError `attack/set`
   */
  async read(eps: number, number: number, imageSize: number): Promise<Float32Array> {
    const side = this.record.imageSize;
    const path = this.pathOf(eps, number);
    if (!existsNow(path))
      throw new FrameworkError(
        'attack/set',
        `There is no ${path}: the set has no image ${number} at ε ${eps}.`,
        {
          hint: 'Give the --data and --limit that the set was made with.',
        },
      );
    const file = await openNpy(path);
    try {
      const [name = ''] = file.names();
      const { shape } = file.info(name);
      if (shape.join() !== `3,${side},${side}`)
        throw new FrameworkError(
          'attack/set',
          `${path} has shape ${shape.join('×')}; 3×${side}×${side} is due.`,
        );
      const pixels = await file.read(name);
      return side === imageSize
        ? pixels
        : planesOf(resize(imageOf(pixels, side), imageSize, imageSize, 'bicubic'));
    } finally {
      await file.close();
    }
  }

  private pathOf(eps: number, number: number): string {
    return join(this.folder, `eps-${eps}`, `${String(number).padStart(6, '0')}.npy`);
  }
}

function imageOf(pixels: Float32Array, side: number): Image {
  const plane = side ** 2;
  // Values without bounds may lie beyond those that 8 bits hold.
  const data = new Uint8ClampedArray(3 * plane);
  for (let i = 0; i < plane; i++)
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round(255 * (pixels[c * plane + i] as number));
  return { width: side, height: side, data: new Uint8Array(data.buffer) };
}

function planesOf({ width, height, data }: Image): Float32Array {
  const plane = width * height;
  const pixels = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++)
    for (let c = 0; c < 3; c++) pixels[c * plane + i] = (data[3 * i + c] as number) / 255;
  return pixels;
}
