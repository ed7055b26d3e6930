import { describe, expect, test } from 'vitest';
import { decodeBaseline, withBaseline } from '../../../src/data/image/jpeg.ts';
import { resize } from '../../../src/data/image/resize.ts';
import { sharp } from '../../../src/data/image/sharp.ts';
import { Rng } from '../../../src/util/rng.ts';
import { goldenBytes, photo, texture } from './golden.ts';

/** What libjpeg-turbo makes of it, or nothing if it refuses. */
async function byLibrary(bytes: Uint8Array): Promise<Buffer | undefined> {
  const options = { failOn: 'truncated', ignoreIcc: true } as const;
  return sharp(bytes, options)
    .removeAlpha()
    .raw()
    .toBuffer()
    .catch(() => undefined);
}

async function encoded(width: number, height: number, quality: number, chroma: string): Promise<Buffer> {
  const { data, width: wide, height: high } = width * height < 900 ? texture(width, height) : await photo('beetle.jpg');
  const image = sharp(data, { raw: { width: wide, height: high, channels: 3 } }).resize(width, height, { fit: 'fill' });
  return image.jpeg({ quality, chromaSubsampling: chroma, optimiseCoding: quality > 80 }).toBuffer();
}

describe('a baseline JPEG decodes to the bits of libjpeg-turbo', () => {
  const sizes = [[1, 1], [3, 9], [5, 5], [6, 7], [8, 8], [16, 16], [17, 15], [31, 33], [120, 77]] as const;
  test.each(['4:4:4', '4:2:0'])('%s', async (chroma) => {
    for (const [width, height] of sizes)
      for (const quality of [30, 100]) {
        const bytes = await encoded(width, height, quality, chroma);
        const image = decodeBaseline(bytes);
        // libjpeg does not interpolate so little chroma.
        if (chroma === '4:2:0' && width <= 4) expect(image).toBeUndefined();
        else
          expect(Buffer.compare(image!.data, (await byLibrary(bytes))!), `${width}×${height} at ${quality}`).toBe(0);
      }
  });

  test('photographs, chroma halved across alone, and grey', async () => {
    for (const name of ['beetle.jpg', 'dough.jpg', 'kinds/rgb-1.jpg', 'kinds/grey.jpg']) {
      const bytes = goldenBytes(name);
      const image = decodeBaseline(bytes);
      expect(Buffer.compare(image!.data, (await byLibrary(bytes))!), name).toBe(0);
    }
  });

  test('only the crop is decoded where only that is wanted, and damage elsewhere is found', async () => {
    const rng = new Rng(1, 'boxes');
    const files = [goldenBytes('beetle.jpg'), goldenBytes('kinds/rgb-1.jpg'), goldenBytes('kinds/grey.jpg'), await encoded(120, 77, 90, '4:4:4')];
    for (const bytes of files) {
      const whole = decodeBaseline(bytes)!;
      for (let i = 0; i < 12; i++) {
        const [left, top] = [rng.int(whole.width), rng.int(whole.height)];
        const box = { left, top, width: 1 + rng.int(whole.width - left), height: 1 + rng.int(whole.height - top) };
        const label = JSON.stringify(box);
        const part = withBaseline(bytes, (image) => resize(image, 24, 17, 'bicubic', box));
        expect(Buffer.compare(part!.data, resize(whole, 24, 17, 'bicubic', box).data), label).toBe(0);
      }
      const corner = { left: 0, top: 0, width: 8, height: 8 };
      const cut = bytes.subarray(0, bytes.length - 60);
      expect(withBaseline(cut, (image) => resize(image, 4, 4, 'bilinear', corner))).toBeUndefined();
    }
  });

  test('a damaged file is either taken with the same pixels or left to the library', async () => {
    const rng = new Rng(3, 'damage');
    const files = [await encoded(33, 31, 50, '4:2:0'), await encoded(17, 9, 95, '4:4:4'), goldenBytes('kinds/grey.jpg')];
    let [taken, left] = [0, 0];
    for (let i = 0; i < 240; i++) {
      const whole = files[i % files.length]!;
      const bytes = i % 5 === 0 ? whole.subarray(0, 2 + rng.int(whole.length - 2)) : Buffer.from(whole);
      for (let k = 0; k <= i % 3; k++) bytes[2 + rng.int(bytes.length - 2)] = rng.int(256);
      const image = decodeBaseline(bytes);
      if (image === undefined) left++;
      else {
        taken++;
        expect(Buffer.compare(image.data, (await byLibrary(bytes)) ?? Buffer.of()), `damage ${i}`).toBe(0);
      }
    }
    expect(taken).toBeGreaterThan(10);
    expect(left).toBeGreaterThan(100);
  });
});
