import { FrameworkError } from '../util/errors.ts';
import type { Rng } from '../util/rng.ts';
import type { Colour } from './augment/affine.ts';
import { applyJitter, drawJitter } from './augment/color-jitter.ts';
import type { ErasingConfig } from './augment/erasing.ts';
import { applyAugment, drawRandAugment, drawThreeAugment, parseRandAugment } from './augment/rand-augment.ts';
import type { AugmentStep } from './augment/rand-augment.ts';
import { drawResizedCrop, type ResizedCropConfig } from './augment/random-resized-crop.ts';
import { centerCrop, hflip, padCrop } from './image/crop.ts';
import { roundHalfEven, type Image } from './image/image.ts';
import { resize, resizeShortSide, type ResizeFilter } from './image/resize.ts';
import { freshWorkspace } from '../util/wasm.ts';

/** What happens to a training image, in this order, which is timm's (huggingface/pytorch-image-models timm/data/transforms_factory.py). */
export interface AugmentConfig {
  /**
   * `random-resized`: torchvision's RandomResizedCrop; `pad-crop`: CIFAR's random window of the zero-padded image;
   * `center`: short side resized to the size, then the middle.
   */
  readonly crop:
    | ({ readonly kind: 'random-resized' } & ResizedCropConfig)
    | { readonly kind: 'pad-crop'; readonly padding: number }
    | { readonly kind: 'center' };
  /** Filter for the crop's resize and for RandAugment's warps. */
  readonly interpolation: 'bilinear' | 'bicubic';
  /** Probability of a horizontal flip. */
  readonly flip: number;
  /** Strength of brightness, contrast and saturation jitter; ignored, as in timm, beside any `autoAugment` other than `3a`. */
  readonly colorJitter: number | null;
  /** `rand-m9-mstd0.5-inc1` and the like, or `3a`. */
  readonly autoAugment: string | null;
  /** Applied to the normalised tensor: `drawErasing` and `applyErasing` after `toTensor`. */
  readonly erasing: ErasingConfig | null;
}

/** What happens to an evaluation image. */
export interface EvalConfig {
  /** Length of the short side (of both with `squash`), or null to leave the image as it is. */
  readonly resize: number | null;
  /** Side of the centre crop, or null for none. */
  readonly crop: number | null;
  /** Resize to a square whatever the aspect ratio. */
  readonly squash: boolean;
  readonly interpolation: ResizeFilter;
}

export type TrainTransform = (image: Image, rng: Rng) => Image;
export type EvalTransform = (image: Image) => Image;

/**
 * The 8-bit stage of the training pipeline: crop to `size`×`size`, flip, then RandAugment or colour jitter. Draws are made in the
 * order of the pipeline. Throws `augment/config` for an unknown `autoAugment`.
 *
 * @param mean normalisation mean in [0, 1]; warps fill with its 8-bit colour
 * @example trainTransform(config, 224, IMAGENET_MEAN)(image, new Rng(seed, 'augment', epoch * length + index))
 */
export function trainTransform(config: AugmentConfig, size: number, mean: Colour): TrainTransform {
  const drawSteps = config.autoAugment === null ? null : autoAugment(config.autoAugment);
  const jitter = config.autoAugment === null || config.autoAugment === '3a' ? config.colorJitter : null;
  const fill = mean.map((m) => Math.min(255, roundHalfEven(255 * m))) as unknown as Colour;
  const warp = { filter: config.interpolation, fill };
  return (image, rng) => {
    let out = cropped(config, image, rng, size);
    if (config.flip > 0 && rng.chance(config.flip)) out = hflip(out);
    if (drawSteps) out = applyAugment(drawSteps(rng), out, warp);
    return jitter ? applyJitter(drawJitter(jitter, rng), out) : out;
  };
}

function autoAugment(text: string): (rng: Rng) => AugmentStep[] {
  if (text === '3a') return drawThreeAugment;
  const config = parseRandAugment(text);
  return (rng) => drawRandAugment(config, rng);
}

function cropped({ crop, interpolation }: AugmentConfig, image: Image, rng: Rng, size: number): Image {
  switch (crop.kind) {
    case 'random-resized': {
      const box = drawResizedCrop(crop, rng, image.width, image.height);
      return resize(image, size, size, interpolation, box);
    }
    case 'pad-crop': {
      checkPadded(image, crop.padding, size);
      const top = rng.int(image.height + 2 * crop.padding - size + 1);
      const left = rng.int(image.width + 2 * crop.padding - size + 1);
      return padCrop(image, crop.padding, left, top, size);
    }
    case 'center':
      return centerCrop(resizeShortSide(image, size, interpolation), size);
  }
}

/** The code is that of a wrong setting: no other image would do better. */
function checkPadded({ width, height }: Image, padding: number, size: number): void {
  const side = Math.min(width, height);
  if (side + 2 * padding >= size) return;
  throw new FrameworkError(
    'data/wrong-size',
    `augment.crop is pad-crop, but an image of ${width}×${height} pixels with augment.padding ${padding} is smaller than data.imageSize ${size}`,
    {
      hint: `set augment.crop to random-resized or center, which resize, or data.imageSize to ${side}`,
    },
  );
}

/**
 * Resize, then centre crop, as torchvision's Resize and CenterCrop do.
 *
 * @example evalTransform({ resize: 256, crop: 224, squash: false, interpolation: 'bicubic' })(image)
 */
export function evalTransform(config: EvalConfig): EvalTransform {
  const { resize: side, crop: window, squash, interpolation } = config;
  return (image) => {
    let out = image;
    if (side !== null)
      out = squash ? resize(out, side, side, interpolation) : resizeShortSide(out, side, interpolation);
    return window === null ? out : centerCrop(out, window);
  };
}

/**
 * Writes the normalised image, (v / 255 − mean) / std, channels first (3, h, w), into `out` from `offset` on, with the single-precision
 * roundings of torchvision's ToTensor and Normalize. Throws `image/tensor` if `out` is too short.
 */
export function toTensor(image: Image, mean: Colour, std: Colour, out: Float32Array, offset = 0): void {
  const { data } = image;
  const pixels = image.width * image.height;
  if (out.length < offset + 3 * pixels)
    throw new FrameworkError(
      'image/tensor',
      `an image of ${image.width}×${image.height} takes ${3 * pixels} floats from ${offset} on, but the array has ${out.length}`,
      { hint: 'every image of a batch must have the same size: check the crop of the transform' },
    );
  const tables = new Float32Array(768);
  for (let c = 0; c < 3; c++) {
    const shift = Math.fround(mean[c] as number);
    const scale = Math.fround(std[c] as number);
    for (let v = 0; v < 256; v++)
      tables[c * 256 + v] = Math.fround(Math.fround(v / 255) - shift) / scale;
  }
  const space = freshWorkspace();
  const from = space.put(data);
  const table = space.put(tables);
  const to = space.room(12 * pixels);
  space.run.toPlanes(from, pixels, table, to);
  const planes = space.view(to, 12 * pixels);
  out.set(new Float32Array(planes.buffer, planes.byteOffset, 3 * pixels), offset);
}
