import type { Image } from './image.ts';

/**
 * A baseline JPEG with libjpeg's quantisation tables, 4:2:0 chroma and optimised Huffman tables: decodes to the same pixels as
 * Pillow's `save(quality=quality, optimize=True)`, the format of the ImageNet-C release at quality 85.
 *
 * @param quality 1 … 100
 */
export async function encodeJpeg(image: Image, quality: number): Promise<Uint8Array> {
  return (await raw(image))
    .jpeg({ quality, chromaSubsampling: '4:2:0', optimiseCoding: true, progressive: false, mozjpeg: false })
    .toBuffer();
}

/** An 8-bit RGB PNG. */
export async function encodePng(image: Image): Promise<Uint8Array> {
  return (await raw(image)).png({ compressionLevel: 6, palette: false }).toBuffer();
}

async function raw({ data, width, height }: Image) {
  const { sharp } = await import('./sharp.ts');
  return sharp(data, { raw: { width, height, channels: 3 } });
}
