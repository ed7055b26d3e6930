import { describe, expect, test } from 'vitest';
import { centerCrop, crop, hflip, padCrop } from '../../../src/data/image/crop.ts';
import { fromGrey, newImage, roundHalfEven, type Image } from '../../../src/data/image/image.ts';
import { resize, resizeShortSide, type ResizeFilter } from '../../../src/data/image/resize.ts';
import { expectDigest, golden, photo, texture, type Digest } from './golden.ts';

interface ResizeRow extends Digest {
  photo: string;
  filter: ResizeFilter;
  to: [number, number];
  box: [number, number, number, number] | null;
}

describe('resize', () => {
  const rows = golden<ResizeRow[]>('resize.json');

  test.each(['bilinear', 'bicubic', 'box'] as const)('%s equals Pillow to the bit', async (filter) => {
    for (const row of rows.filter((r) => r.filter === filter)) {
      const image = await photo(row.photo);
      const label = `${row.photo} ${filter} to ${row.to.join('×')} of ${row.box?.join() ?? 'all'}`;
      const [left, top, right, bottom] = row.box ?? [0, 0, image.width, image.height];
      const box = { left, top, width: right - left, height: bottom - top };
      expectDigest(resize(image, ...row.to, filter, box), row, label);
      expectDigest(resize(crop(image, box), ...row.to, filter), row, `${label}, cropped first`);
    }
  });

  test('the preprocessing vectors of the corruption fixtures', () => {
    const { points_yx: points, cases } = golden<PreprocessFixtures>('preprocess.json');
    for (const { source_hw: hw, filter, resized_hw: resized, crop_top_left: corner, pixels, mean } of cases) {
      const small = resizeShortSide(synth(...hw), 256, filter);
      expect([small.height, small.width]).toEqual(resized);
      const out = centerCrop(small, 224);
      const [top, left] = corner;
      expect(isEqual(out, crop(small, { left, top, width: 224, height: 224 }))).toBe(true);
      expect(points.map(([y, x]) => pixel(out, x, y))).toEqual(pixels);
      const sums = [0, 0, 0];
      out.data.forEach((v, i) => (sums[i % 3]! += v));
      sums.forEach((sum, c) => expect(sum / 224 ** 2).toBeCloseTo(mean[c]!, 3));
    }
  });

  test('leaves an image of the right size alone', () => {
    const image = texture(40, 30);
    expect(resize(image, 40, 30, 'bicubic')).toBe(image);
    expect(resizeShortSide(image, 30, 'bilinear')).toBe(image);
  });

  test('a box outside the image is refused', () => {
    const box = { left: 5, top: 0, width: 10, height: 10 };
    expect(() => resize(texture(12, 12), 4, 4, 'box', box)).toThrow('10×10 at (5, 0)');
    expect(() => resize(texture(12, 12), 0, 4, 'box')).toThrow('0×4');
  });
});

interface PreprocessFixtures {
  points_yx: [number, number][];
  cases: {
    source_hw: [number, number];
    filter: 'bilinear' | 'bicubic';
    resized_hw: [number, number];
    crop_top_left: [number, number];
    mean: number[];
    pixels: number[][];
  }[];
}

/** The synthetic picture of the corruption fixtures. */
function synth(height: number, width: number): Image {
  const image = newImage(width, height);
  for (let y = 0, o = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++, o++) {
        const ramp = Math.floor((x * (3 + c) + y * (5 - c)) / 4) + 37 * c + Math.floor((x * y) / 97);
        image.data[o] = ramp + 60 * ((Math.floor(x / 28) + Math.floor(y / 32) + c) % 3);
      }
  return image;
}

function pixel({ data, width }: Image, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

function isEqual(a: Image, b: Image): boolean {
  return a.width === b.width && a.height === b.height && Buffer.compare(a.data, b.data) === 0;
}

describe('crops and flips', () => {
  test('halves round to the even integer', () => {
    expect([58.5, 59.5, 2.4, 2.6].map(roundHalfEven)).toEqual([58, 60, 2, 3]);
    const image = texture(341, 343);
    const [left, top] = [58, 60];
    expect(isEqual(centerCrop(image, 224), crop(image, { left, top, width: 224, height: 224 }))).toBe(true);
  });

  test('centerCrop pads a smaller image with black, more on the right and below', () => {
    const out = centerCrop(fromGrey(2, 2, Uint8Array.of(1, 2, 3, 4)), 5);
    const grey = out.data.filter((_, i) => i % 3 === 0);
    expect([...grey]).toEqual([0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 4, 0, 0, ...new Array<number>(10).fill(0)]);
  });

  test('padCrop shifts the picture and fills with black', () => {
    const image = texture(4, 4);
    expect(padCrop(image, 2, 2, 2, 4)).toEqual(image);
    const shifted = padCrop(image, 2, 0, 4, 4);
    expect(pixel(shifted, 2, 0)).toEqual(pixel(image, 0, 2));
    expect(pixel(shifted, 1, 0)).toEqual([0, 0, 0]);
    expect(pixel(shifted, 3, 3)).toEqual([0, 0, 0]);
  });

  test('hflip mirrors pixels, not channels, and is its own inverse', () => {
    const image = texture(5, 3);
    expect(pixel(hflip(image), 0, 2)).toEqual(pixel(image, 4, 2));
    expect(hflip(hflip(image))).toEqual(image);
  });

  test('a crop outside the image is refused', () => {
    expect(() => crop(texture(8, 8), { left: 0, top: 1, width: 8, height: 8 })).toThrow('8×8 at (0, 1)');
    expect(() => fromGrey(3, 3, new Uint8Array(8))).toThrow('9 bytes');
  });
});
