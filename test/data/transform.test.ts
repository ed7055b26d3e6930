import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { invert } from '../../src/data/augment/pillow-ops.ts';
import { drawResizedCrop } from '../../src/data/augment/random-resized-crop.ts';
import { centerCrop, crop, hflip } from '../../src/data/image/crop.ts';
import { newImage } from '../../src/data/image/image.ts';
import { resize, resizeShortSide } from '../../src/data/image/resize.ts';
import { evalTransform, toTensor, trainTransform, type AugmentConfig } from '../../src/data/transform.ts';
import { Rng } from '../../src/util/rng.ts';
import { golden, photo, texture } from './image/golden.ts';

const MEAN = [0.485, 0.456, 0.406] as const;
const STD = [0.229, 0.224, 0.225] as const;
const PLAIN: AugmentConfig = {
  crop: { kind: 'random-resized', scale: [0.08, 1], ratio: [3 / 4, 4 / 3] },
  interpolation: 'bicubic',
  flip: 0,
  colorJitter: null,
  autoAugment: null,
  erasing: null,
};

describe('trainTransform', () => {
  const image = texture(50, 40);

  test('crops and resizes as drawn', () => {
    const rng = new Rng(1, 'augment', 3);
    const { crop: config } = PLAIN;
    if (config.kind !== 'random-resized') throw new Error('unreachable');
    const box = drawResizedCrop(config, new Rng(1, 'augment', 3), 50, 40);
    expect(trainTransform(PLAIN, 32, MEAN)(image, rng)).toEqual(resize(crop(image, box), 32, 32, 'bicubic'));
  });

  test('flips with the given probability', () => {
    const config: AugmentConfig = { ...PLAIN, crop: { kind: 'center' } };
    const still = trainTransform(config, 40, MEAN)(image, new Rng(1, 'augment'));
    expect(still).toEqual(centerCrop(image, 40));
    const mirrored = trainTransform({ ...config, flip: 1 }, 40, MEAN)(image, new Rng(1, 'augment'));
    expect(mirrored).toEqual(hflip(still));
  });

  test('pad-crop of an image that is too small names the keys', () => {
    const config: AugmentConfig = { ...PLAIN, crop: { kind: 'pad-crop', padding: 2 } };
    const transform = trainTransform(config, 33, [0, 0, 0]);
    expect(() => transform(newImage(30, 28), new Rng(0, 'augment', 0))).toThrow(
      /augment\.crop is pad-crop.* 30×28 .*augment\.padding 2 .*data\.imageSize 33/,
    );
  });

  test('pad-crop of a digit reaches every offset', () => {
    const digit = texture(28, 28);
    const config: AugmentConfig = { ...PLAIN, crop: { kind: 'pad-crop', padding: 2 } };
    const transform = trainTransform(config, 28, MEAN);
    const seen = new Set<string>();
    for (let i = 0; i < 400; i++) {
      const out = transform(digit, new Rng(1, 'augment', i));
      expect([out.width, out.height]).toEqual([28, 28]);
      seen.add(createHash('sha1').update(out.data).digest('hex'));
    }
    expect(seen.size).toBe(25);
  });

  test('RandAugment fills warps with the mean colour and silences colour jitter', () => {
    const flat = { ...texture(32, 32), data: new Uint8Array(32 * 32 * 3).fill(200) };
    const base: AugmentConfig = { ...PLAIN, crop: { kind: 'center' }, autoAugment: 'rand-m9-mstd0.5-inc1' };
    const plain = trainTransform(base, 32, MEAN);
    const jittered = trainTransform({ ...base, colorJitter: 0.4 }, 32, MEAN);
    let filled = 0;
    for (let i = 0; i < 60; i++) {
      const out = plain(flat, new Rng(2, 'augment', i));
      expect(jittered(flat, new Rng(2, 'augment', i))).toEqual(out);
      const hex = Buffer.from(out.data).toString('hex');
      if (hex.includes('7c7468')) filled++;
    }
    expect(filled).toBeGreaterThan(3);
  });

  test('three-augment is followed by colour jitter', () => {
    const base: AugmentConfig = { ...PLAIN, crop: { kind: 'center' }, autoAugment: '3a' };
    const plain = trainTransform(base, 40, MEAN)(image, new Rng(3, 'augment'));
    const jittered = trainTransform({ ...base, colorJitter: 0.3 }, 40, MEAN)(image, new Rng(3, 'augment'));
    expect(jittered).not.toEqual(plain);
  });

  test('an unknown auto-augment is refused when the transform is made', () => {
    expect(() => trainTransform({ ...PLAIN, autoAugment: 'rnd-m9' }, 32, MEAN)).toThrow('"rnd"');
  });
});

describe('evalTransform', () => {
  test('short side, then centre; squash; or nothing', () => {
    const image = texture(50, 40);
    const base = { squash: false, interpolation: 'bilinear' } as const;
    expect(evalTransform({ ...base, resize: 32, crop: 28 })(image)).toEqual(
      centerCrop(resizeShortSide(image, 32, 'bilinear'), 28),
    );
    expect(evalTransform({ ...base, resize: 48, crop: null, squash: true })(image)).toEqual(
      resize(image, 48, 48, 'bilinear'),
    );
    expect(evalTransform({ ...base, resize: null, crop: null })(image)).toBe(image);
    expect(evalTransform({ ...base, resize: null, crop: 40 })(image)).toEqual(centerCrop(image, 40));
  });
});

describe('toTensor', () => {
  test('equals PyTorch’s ToTensor and Normalize to the bit', async () => {
    const reference = golden<{ crop: number[]; bits_sha256: string; first: number[] }>('tensor.json');
    const [left = 0, top = 0, width = 0, height = 0] = reference.crop;
    const image = crop(await photo('dough.jpg'), { left, top, width, height });
    const out = new Float32Array(5 + 3 * width * height + 2).fill(NaN);
    toTensor(image, MEAN, STD, out, 5);
    const written = out.slice(5, -2);
    expect([...written.subarray(0, 8)]).toEqual(reference.first);
    const bits = createHash('sha256').update(new Uint8Array(written.buffer)).digest('hex');
    expect(bits).toBe(reference.bits_sha256);
    expect([...out.subarray(0, 5), ...out.subarray(-2)]).toEqual(new Array(7).fill(NaN));
  });

  test('an array that is too short is refused', () => {
    expect(() => toTensor(texture(4, 4), MEAN, STD, new Float32Array(50), 3)).toThrow('takes 48 floats from 3');
  });

  test('planes are red, green, blue', () => {
    const out = new Float32Array(6);
    toTensor({ width: 2, height: 1, data: Uint8Array.of(255, 0, 51, 0, 255, 0) }, [0, 0, 0], [1, 1, 1], out);
    expect([...out]).toEqual([1, 0, 0, 1, Math.fround(0.2), 0]);
    expect(invert({ width: 1, height: 1, data: Uint8Array.of(255, 0, 51) }).data).toEqual(
      Uint8Array.of(0, 255, 204),
    );
  });
});
