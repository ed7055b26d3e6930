import { decodeImage } from '../../../data/image/decode.ts';
import type { Image } from '../../../data/image/image.ts';
import { resize } from '../../../data/image/resize.ts';
import { defined } from '../../../util/errors.ts';
import type { ParameterSet } from '../types.ts';
import { readFrost } from './frost-files.ts';

/**
 * The reference draws from the first five of its six files, and its second and third hold the same pixels (stored once
 * here), so the second texture has twice the chance of the others.
 */
export const FROST_FILES = ['frost1.png', 'frost2.png', 'frost2.png', 'frost4.jpg', 'frost5.jpg'] as const;
export const FROST_CHOICES = FROST_FILES.length;

const decoded = new Map<string, Promise<Image>>();

/**
 * Texture `choice` (0 … 4), larger than width × height by at least one pixel each way. CIFAR-C shrinks the textures to
 * a fifth; images too large for a texture get it enlarged.
 */
export async function frostTexture(
  choice: number,
  parameterSet: ParameterSet,
  width: number,
  height: number,
): Promise<Image> {
  const name = defined(FROST_FILES[choice], `frost texture ${choice}`);
  let full = decoded.get(name);
  if (!full) {
    full = readFrost(name).then((bytes) => decodeImage(bytes, name));
    decoded.set(name, full);
  }
  const texture = parameterSet === 'cifar' ? everyFifth(await full) : await full;
  const grow = Math.max((width + 1) / texture.width, (height + 1) / texture.height);
  if (grow <= 1) return texture;
  return resize(texture, Math.ceil(texture.width * grow), Math.ceil(texture.height * grow), 'bilinear');
}

/** OpenCV's linear resize by exactly 0.2 without anti-aliasing: source coordinate 5x + 2, no interpolation left. */
function everyFifth(image: Image): Image {
  const width = Math.round(image.width * 0.2);
  const height = Math.round(image.height * 0.2);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = ((5 * y + 2) * image.width + 5 * x + 2) * 3;
      for (let c = 0; c < 3; c++) data[to++] = image.data[from + c] as number;
    }
  }
  return { width, height, data };
}
