import { FrameworkError, messageOf } from '../../util/errors.ts';
import type { Image } from './image.ts';
import { sharp } from './sharp.ts';
import { sniff } from './sniff.ts';

const READ = { failOn: 'truncated', ignoreIcc: true } as const;

/**
 * Decodes a JPEG or PNG to the pixels that torchvision's default loader sees (`PIL.Image.open(f).convert('RGB')`): grey is
 * replicated, alpha is dropped rather than composited, 16-bit colour keeps its high byte, 16-bit grey is clipped at 255,
 * CMYK goes through Pillow's integer formula; EXIF orientation and ICC profiles are ignored (spec: benchmarks §1.2).
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
      hint: 'remove the file from the data set, or convert it to PNG',
    });
  try {
    if (found.kind === 'jpeg' && found.components === 4) return await decodeCmyk(bytes);
    if (found.kind === 'png' && found.bitDepth === 16 && found.colourType === 0) return await decodeGrey16(bytes);
    const { data, info } = await sharp(bytes, READ).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expectBytes(data, info.width * info.height * 3);
    return { width: info.width, height: info.height, data: plain(data) };
  } catch (error) {
    const reason = messageOf(error).replace(/\s+/g, ' ').trim();
    throw new FrameworkError(
      'image/corrupt',
      `${name} is a ${found.kind.toUpperCase()} of ${bytes.length} bytes that cannot be decoded whole: ${reason}`,
      { hint: 'the file is damaged or was not copied completely; fetch it again', cause: error },
    );
  }
}

/** CMYK and YCCK: the inks as stored (Adobe's inversion undone by the decoder), then Pillow's cmyk2rgb. */
async function decodeCmyk(bytes: Uint8Array): Promise<Image> {
  const { data, info } = await sharp(bytes, READ)
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
async function decodeGrey16(bytes: Uint8Array): Promise<Image> {
  const { data, info } = await sharp(bytes, READ)
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
