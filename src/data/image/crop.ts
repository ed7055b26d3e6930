import { checkInside, newImage, roundHalfEven, type Box, type Image } from './image.ts';
import { mapImage } from './map-image.ts';

/** Copies `box` out of the image. Throws `image/crop` if it does not lie inside. */
export function crop(image: Image, box: Box): Image {
  const { left, top, width, height } = box;
  checkInside(image, box);
  if (width === image.width && height === image.height) return image;
  const out = newImage(width, height);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    out.data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return out;
}

/**
 * The middle `size`×`size` pixels. The offset is rounded half to even, and an image smaller than the crop is first padded with
 * black, both as torchvision's CenterCrop does.
 */
export function centerCrop(image: Image, size: number): Image {
  const padX = Math.max(0, size - image.width);
  const padY = Math.max(0, size - image.height);
  const padded =
    padX || padY
      ? pad(image, Math.floor(padX / 2), Math.floor(padY / 2), image.width + padX, image.height + padY)
      : image;
  const left = roundHalfEven((padded.width - size) / 2);
  const top = roundHalfEven((padded.height - size) / 2);
  return crop(padded, { left, top, width: size, height: size });
}

/**
 * The `size`×`size` window at (`left`, `top`) of the image with `padding` black pixels added on every side: the CIFAR
 * augmentation, applied to given draws (0 ≤ left ≤ width + 2·padding − size, likewise top).
 */
export function padCrop(image: Image, padding: number, left: number, top: number, size: number): Image {
  const padded = pad(image, padding, padding, image.width + 2 * padding, image.height + 2 * padding);
  return crop(padded, { left, top, width: size, height: size });
}

/** The image placed at (`left`, `top`) of a black one of `width`×`height`. */
function pad(image: Image, left: number, top: number, width: number, height: number): Image {
  const out = newImage(width, height);
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * image.width * 3, (y + 1) * image.width * 3);
    out.data.set(row, ((top + y) * width + left) * 3);
  }
  return out;
}

/** The mirror image, left to right. */
export function hflip(image: Image): Image {
  return mapImage(image, (run, from, to) => run.flip(from, image.width, image.height, to));
}
