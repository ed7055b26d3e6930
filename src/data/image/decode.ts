import type libvips from 'sharp';
import type { Sharp } from 'sharp';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { decodeBmp } from './bmp.ts';
import { decodeBaseline, withBaseline } from './jpeg.ts';
import { MAX_PIXELS, type Image } from './image.ts';
import { decodePnm } from './pnm.ts';
import { sniff } from './sniff.ts';

const READ = { failOn: 'truncated', ignoreIcc: true, limitInputPixels: MAX_PIXELS } as const;

/** What is read, for messages. */
export const IMAGE_KINDS = 'JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP, PPM, PGM or PBM';

/**
 * Decodes an image (of several, the first) to the pixels that torchvision's default loader sees (`PIL.Image.open(f).convert('RGB')`): grey is
 * replicated, alpha is dropped rather than composited, 16-bit colour keeps its high byte, 16-bit grey is clipped at 255,
 * CMYK goes through Pillow's integer formula; EXIF orientation (but that of TIFF, as in Pillow) and ICC profiles are ignored.
 *
 * Throws `image/format` when the bytes are another kind of file and `image/corrupt` when they end early or cannot be decoded;
 * both name `name`.
 *
 * @example const image = await decodeImage(await readFile(path), path);
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Image> {
  const found = sniff(bytes);
  if (found.kind === 'other')
    throw new FrameworkError('image/format', `${name} should be a JPEG or PNG image but is ${found.description}`, {
      hint: `convert it to PNG${howTo(found.description)}, or leave it out; ${IMAGE_KINDS} are read`,
    });
  const quick = found.kind === 'jpeg' ? decodeBaseline(bytes) : undefined;
  if (quick !== undefined) return quick;
  // libvips takes a third of a second to load: only runs that decode images wait for it.
  const { sharp } = await import('./sharp.ts');
  try {
    if (found.kind === 'bmp') return decodeBmp(bytes);
    if (found.kind === 'pnm') return decodePnm(bytes);
    if (found.kind === 'tiff') return await decodeTiff(sharp, bytes);
    if (found.kind === 'jpeg' && found.components === 4) return await decodeCmyk(sharp(bytes, READ));
    if (found.kind === 'png' && found.bitDepth === 16 && found.colourType === 0)
      return await decodeGrey16(sharp(bytes, READ));
    return await decodeRgb(sharp(bytes, READ));
  } catch (error) {
    const reason = messageOf(error).replace(/\s+/g, ' ').trim();
    throw new FrameworkError(
      'image/corrupt',
      `${name} is a ${found.kind.toUpperCase()} of ${bytes.length} bytes that cannot be decoded whole: ${reason}`,
      { hint: 'the file is damaged or was not copied completely; fetch it again', cause: error },
    );
  }
}

/** Telephones make HEIC, and few programs convert it. */
function howTo(description: string): string {
  return description.includes('HEIC') ? ' (heif-convert does, or on macOS sips -s format png)' : '';
}

/**
 * What `use` makes of an image, of which a baseline JPEG is decoded as far as `use` looks.
 * @param use may be called again after it failed on a damaged file
 */
export async function withImage<T>(bytes: Uint8Array, name: string, use: (image: Image) => T): Promise<T> {
  const quick = withBaseline(bytes, (image) => ({ made: use(image) }));
  return quick === undefined ? use(await decodeImage(bytes, name)) : quick.made;
}

async function decodeRgb(image: Sharp): Promise<Image> {
  const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  expectBytes(data, info.width * info.height * 3);
  return { width: info.width, height: info.height, data: plain(data) };
}

/** The first page. TIFF's orientation tag is part of the picture: Pillow turns it when it loads the file. */
async function decodeTiff(sharp: typeof libvips, bytes: Uint8Array): Promise<Image> {
  // `truncated` lets a strip pass that is cut off.
  const options = { ...READ, failOn: 'error' } as const;
  const { space, depth } = await sharp(bytes, options).metadata();
  const image = sharp(bytes, options).autoOrient();
  const kind = `${depth ?? ''} ${space ?? ''}`;
  if (kind === 'uchar cmyk') return decodeCmyk(image);
  if (kind === 'ushort grey16') return decodeGrey16(image);
  if (['uchar srgb', 'uchar b-w', 'ushort rgb16', 'float b-w'].includes(kind))
    return decodeRgb(image.toColourspace('srgb'));
  throw new Error(`pixels of the kind ${kind} are not read`);
}

/** CMYK and YCCK: the inks as stored (Adobe's inversion undone by the decoder), then Pillow's cmyk2rgb. */
async function decodeCmyk(image: Sharp): Promise<Image> {
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const pixels = info.width * info.height;
  expectBytes(data, pixels * 4);
  const out = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    const white = 255 - (data[i * 4 + 3] as number);
    for (let c = 0; c < 3; c++) {
      const product = (data[i * 4 + c] as number) * white + 128;
      out[i * 3 + c] = white - (((product >> 8) + product) >> 8);
    }
  }
  return { width: info.width, height: info.height, data: out };
}

/** 16-bit grey: Pillow opens it as 32-bit integers and clips those at 255 on conversion; it does not scale them. */
async function decodeGrey16(image: Sharp): Promise<Image> {
  const { data, info } = await image
    .removeAlpha()
    .pipelineColourspace('grey16')
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const pixels = info.width * info.height;
  expectBytes(data, pixels * 2);
  const out = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) out.fill(Math.min(255, data.readUInt16LE(i * 2)), i * 3, i * 3 + 3);
  return { width: info.width, height: info.height, data: out };
}

/** The same memory without Node's Buffer, whose `slice` shares memory where Uint8Array's copies. */
function plain({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function expectBytes(data: Uint8Array, bytes: number): void {
  if (data.length !== bytes)
    throw new FrameworkError('internal/decode', `the decoder gave ${data.length} bytes where ${bytes} were due`);
}
