import { describe, expect, test } from 'vitest';
import { decodeImage } from '../../../src/data/image/decode.ts';
import { encodeJpeg, encodePng } from '../../../src/data/image/encode.ts';
import { crop } from '../../../src/data/image/crop.ts';
import { sharp } from '../../../src/data/image/sharp.ts';
import { crc32 } from '../../../src/util/crc.ts';
import { FrameworkError } from '../../../src/util/errors.ts';
import { expectDigest, golden, goldenBytes, photo, texture, type Digest } from './golden.ts';

type Row = { file: string } & (Digest | { error: string });

async function failure(bytes: Uint8Array, name: string): Promise<FrameworkError> {
  const error: unknown = await decodeImage(bytes, name).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FrameworkError);
  return error as FrameworkError;
}

describe('decodeImage', () => {
  const rows = golden<Row[]>('decode.json');

  test.each(rows.filter((row) => 'sha256' in row))('$file has the pixels Pillow gives', async (row) => {
    expectDigest(await decodeImage(goldenBytes(row.file), row.file), row, row.file);
  });

  const formats = golden<(Digest & { file: string })[]>('formats.json');
  test.each(formats)('$file has the pixels Pillow gives', async (row) => {
    expectDigest(await decodeImage(goldenBytes(row.file), row.file), row, row.file);
  });

  // Of an animation the first picture is enough.
  const still = formats.filter(({ file }) => !file.includes('animated'));
  test.each(still)('$file is refused where it is cut', async ({ file }) => {
    const bytes = goldenBytes(file);
    for (const share of [0.1, 0.5])
      expect((await failure(bytes.subarray(0, Math.floor(bytes.length * share)), file)).message).toContain(file);
  });

  test('AVIF is read, and its name does not matter', async () => {
    const { data, width, height } = texture(32, 20);
    const avif = await sharp(data, { raw: { width, height, channels: 3 } })
      .avif({ lossless: true })
      .toBuffer();
    expect(await decodeImage(avif, 'photo.jpg')).toMatchObject({ width: 32, height: 20 });
  });

  test('an image of more pixels than Pillow takes is refused before it is unpacked', async () => {
    const png = Buffer.from(goldenBytes('kinds/rgb.png'));
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    expect((await failure(png, 'bomb.png')).message).toMatch(/bomb\.png .*exceeds pixel limit/);
    const ppm = Buffer.from('P6 60000 60000 255\n');
    expect((await failure(ppm, 'bomb.ppm')).message).toMatch(/bomb\.ppm .*60000×60000 pixels/);
  });

  test.each(rows.filter((row) => 'error' in row))('$file is refused, as by Pillow', async ({ file }) => {
    const error = await failure(goldenBytes(file), file);
    expect(error.message).toContain(file);
    expect(error.code).toBe(file.endsWith('page.jpg') ? 'image/format' : 'image/corrupt');
  });

  test('another kind of file is named', async () => {
    expect((await failure(goldenBytes('kinds/page.jpg'), 'a/page.jpg')).message).toBe(
      'a/page.jpg should be a JPEG or PNG image but is a text file beginning "<html>404 not found</html>"',
    );
    const heic = await failure(Buffer.from('\0\0\0\x18ftypheic'), 'x');
    expect(heic.message).toContain('a HEIC image');
    expect(heic.hint).toContain('(heif-convert does, or on macOS sips -s format png)');
    expect((await failure(Buffer.from('%PDF-1.7'), 'x')).hint).not.toContain('heif-convert');
    expect((await failure(new Uint8Array(0), 'x')).message).toContain('is empty');
    expect((await failure(Uint8Array.of(0, 1, 2, 255), 'x')).message).toContain('bytes 000102ff');
    const pointer = Buffer.from('version https://git-lfs.github.com/spec/v1\n');
    expect((await failure(pointer, 'x')).message).toContain('Git LFS pointer');
  });

  test('a file cut anywhere is refused and never partly grey', async () => {
    for (const name of ['kinds/rgb-2.jpg', 'kinds/progressive.jpg', 'kinds/rgb.png']) {
      const bytes = goldenBytes(name);
      for (const share of [0.02, 0.3, 0.6, 0.9, 0.97])
        expect((await failure(bytes.subarray(0, Math.floor(bytes.length * share)), name)).code).toBe(
          'image/corrupt',
        );
    }
  });
});

describe('encode', () => {
  interface EncodeRow extends Digest {
    photo: string;
    crop: [number, number, number, number];
    quality: number;
    bytes: number;
  }
  test.each(golden<EncodeRow[]>('encode.json'))(
    'JPEG of $photo at quality $quality decodes to the pixels of Pillow’s',
    async (row) => {
      const [left, top, width, height] = row.crop;
      const source = crop(await photo(row.photo), { left, top, width, height });
      const bytes = await encodeJpeg(source, row.quality);
      expectDigest(await decodeImage(bytes, 'encoded'), row, row.photo);
      expect(row.bytes - bytes.length).toBe(18);
    },
  );

  test('PNG is lossless', async () => {
    const image = texture(33, 20);
    const bytes = await encodePng(image);
    expect(await decodeImage(bytes, 'encoded')).toEqual(image);
  });
});
