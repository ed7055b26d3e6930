import { FrameworkError } from '../../util/errors.ts';

/** An 8-bit RGB picture: `data` holds height · width · 3 bytes, row major, channels interleaved (h, w, 3). */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Pixels that an image may have, as for Pillow, which calls more a decompression bomb: a few bytes of PNG may announce terabytes. */
export const MAX_PIXELS = 178_956_970;

/** A rectangle of pixels; `left` and `top` count from the upper left corner. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Throws `image/size` unless both sides are positive integers. */
export function checkSize(width: number, height: number): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1)
    throw new FrameworkError(
      'image/size',
      `an image of ${width}×${height} pixels was asked for; both sides must be integers of at least 1`,
    );
}

/** A black image. Throws `image/size` unless both sides are positive integers. */
export function newImage(width: number, height: number): Image {
  checkSize(width, height);
  return { width, height, data: new Uint8Array(width * height * 3) };
}

/** Throws `image/crop` unless `box` lies inside the image. */
export function checkInside(image: Image, { left, top, width, height }: Box): void {
  if (left < 0 || top < 0 || left + width > image.width || top + height > image.height)
    throw new FrameworkError(
      'image/crop',
      `a box of ${width}×${height} at (${left}, ${top}) was asked of an image of ${image.width}×${image.height}`,
      { hint: 'resize the image to at least the size of the crop first' },
    );
}

/** The image of a single grey plane (h, w), replicated to three channels: 28×28 digits, silhouettes. */
export function fromGrey(width: number, height: number, grey: Uint8Array): Image {
  if (grey.length !== width * height)
    throw new FrameworkError(
      'image/size',
      `a grey plane of ${width}×${height} pixels has ${width * height} bytes, but ${grey.length} were given`,
    );
  const image = newImage(width, height);
  for (let i = 0, o = 0; i < grey.length; i++, o += 3) image.data.fill(grey[i] as number, o, o + 3);
  return image;
}

/** Python's `round`: to the nearest integer, halves to the even one (58.5 → 58, 59.5 → 60). */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
