import { describe, expect, test } from 'vitest';
import { affine, rotation, translateX, translateY } from '../../../src/data/augment/affine.ts';
import { gaussianBlur } from '../../../src/data/augment/gaussian-blur.ts';
import * as ops from '../../../src/data/augment/pillow-ops.ts';
import { applyAugment, stepArgument } from '../../../src/data/augment/rand-augment.ts';
import { RAND_AUGMENT_OPS, type RandAugmentOp } from '../../../src/data/augment/rand-augment.ts';
import { crop } from '../../../src/data/image/crop.ts';
import { fromGrey, newImage } from '../../../src/data/image/image.ts';
import { expectDigest, golden, photo, texture, type Digest } from '../image/golden.ts';

interface OpRow extends Digest {
  photo: string;
  op: RandAugmentOp | 'Desaturate' | 'GaussianBlur';
  argument: number;
  filter?: 'bilinear';
  m?: number;
  sign?: 1 | -1;
  increasing?: boolean;
}

const FILL = [124, 116, 104] as const;

// Every pixel of every case equals Pillow's: the tolerance is 0 levels.
describe('operations on photographs equal Pillow', () => {
  const rows = golden<OpRow[]>('ops.json');

  test.each([...RAND_AUGMENT_OPS, 'Desaturate', 'GaussianBlur'] as const)('%s', async (op) => {
    const cases = rows.filter((row) => row.op === op);
    expect(cases.length).toBeGreaterThan(1);
    for (const row of cases) {
      const image = crop(await photo(row.photo), { left: 20, top: 30, width: 197, height: 141 });
      const { argument, m, sign, increasing, filter = 'bicubic' } = row;
      const label = `${row.photo} ${op} ${argument}`;
      if (m !== undefined)
        expect(stepArgument(op as RandAugmentOp, m, sign!, increasing!), label).toBeCloseTo(argument, 14);
      expectDigest(applyAugment([{ op, argument }], image, { filter, fill: FILL }), row, label);
    }
  });
});

describe('corners of the operations', () => {
  test('an image of one colour survives autocontrast and equalize', () => {
    const flat = newImage(9, 7);
    flat.data.fill(77);
    expect(ops.autocontrast(flat)).toEqual(flat);
    expect(ops.equalize(flat)).toEqual(flat);
    expect(gaussianBlur(flat, 1.5)).toEqual(flat);
  });

  test('factor 1 changes nothing; factor 0 is black, mean grey, grey', () => {
    const image = texture(11, 6);
    for (const op of [ops.brightness, ops.contrast, ops.color, ops.sharpness])
      expect(op(image, 1)).toEqual(image);
    expect(ops.brightness(image, 0)).toEqual(newImage(11, 6));
    expect(new Set(ops.contrast(image, 0).data).size).toBe(1);
    const grey = ops.color(image, 0).data;
    expect(grey[0]).toBe(grey[2]);
  });

  test('posterize to 0 bits is black, to 8 bits the image; solarize at 256 the image', () => {
    const image = texture(5, 5);
    expect(ops.posterize(image, 0)).toEqual(newImage(5, 5));
    expect(ops.posterize(image, 8)).toBe(image);
    expect(ops.solarize(image, 256)).toEqual(image);
    expect(ops.solarize(image, 0)).toEqual(ops.invert(image));
  });

  test('images too small for a neighbourhood keep their pixels under sharpness', () => {
    for (const [width, height] of [[1, 1], [2, 9], [9, 2]] as const)
      expect(ops.sharpness(texture(width, height), 1.9)).toEqual(texture(width, height));
    expect(gaussianBlur(texture(1, 1), 2)).toEqual(texture(1, 1));
  });

  test('whole-pixel shifts move pixels and fill, with every filter', () => {
    const image = fromGrey(3, 2, Uint8Array.of(10, 20, 30, 40, 50, 60));
    for (const filter of ['nearest', 'bilinear', 'bicubic'] as const) {
      expect(affine(image, translateX(1), filter, [1, 1, 1])).toEqual(
        fromGrey(3, 2, Uint8Array.of(20, 30, 1, 50, 60, 1)),
      );
      expect(affine(image, translateY(-1), filter, [1, 1, 1])).toEqual(
        fromGrey(3, 2, Uint8Array.of(1, 1, 1, 10, 20, 30)),
      );
    }
  });

  test('rotation is counter-clockwise about the centre', () => {
    const image = fromGrey(2, 2, Uint8Array.of(10, 20, 30, 40));
    const turned = affine(image, rotation(90, 2, 2), 'nearest', [0, 0, 0]);
    expect(turned).toEqual(fromGrey(2, 2, Uint8Array.of(20, 40, 10, 30)));
  });
});
