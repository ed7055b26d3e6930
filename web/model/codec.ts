import type { Image } from '../../src/data/image/image.ts';
import { decodeBaseline } from '../../src/data/image/jpeg.ts';
import { sniff } from '../../src/data/image/sniff.ts';
import { FrameworkError, messageOf } from '../../src/util/errors.ts';

/** Decoding and encoding in a browser, in place of src/data/image/decode.ts and encode.ts. */

/** What is read, for messages. */
export const IMAGE_KINDS = 'JPEG, PNG, WebP, GIF, AVIF or BMP';

/**
 * Decodes an image (of several, the first): most JPEGs to Node's pixels, all else by the browser. Alpha is dropped where there is any; colour profiles are ignored, and the orientation of EXIF too.
 * @throws FrameworkError `image/corrupt` that names `name`
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Image> {
  const baseline = sniff(bytes).kind === 'jpeg' ? decodeBaseline(bytes) : undefined;
  if (baseline !== undefined) return baseline;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes.slice()]), {
      colorSpaceConversion: 'none',
      imageOrientation: 'none' as ImageOrientation,
      premultiplyAlpha: 'none',
    });
  } catch (error) {
    throw new FrameworkError('image/corrupt', `${name} cannot be decoded: ${messageOf(error)}`, {
      hint: `${IMAGE_KINDS} files are read.`,
      cause: error,
    });
  }
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = contextOf(canvas);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, data: withoutAlpha(context.getImageData(0, 0, width, height).data) };
}

/** A JPEG of the browser's encoder. @param quality 1 … 100 */
export async function encodeJpeg(image: Image, quality: number): Promise<Uint8Array> {
  const canvas = new OffscreenCanvas(image.width, image.height);
  contextOf(canvas).putImageData(pixelsOf(image), 0, 0);
  const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: quality / 100 });
  return new Uint8Array(await blob.arrayBuffer());
}

function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new FrameworkError('web/canvas', 'This browser gives no canvas of this size.');
  return context;
}

/** An image as a canvas takes it. */
export function pixelsOf({ width, height, data }: Image): ImageData {
  const out = new ImageData(width, height);
  for (let i = 0, o = 0; i < data.length; i += 3, o += 4) {
    for (let c = 0; c < 3; c++) out.data[o + c] = data[i + c] as number;
    out.data[o + 3] = 255;
  }
  return out;
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const data = new Uint8Array((rgba.length / 4) * 3);
  for (let i = 0, o = 0; o < data.length; i += 4, o += 3)
    for (let c = 0; c < 3; c++) data[o + c] = rgba[i + c] as number;
  return data;
}
