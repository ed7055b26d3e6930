import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Dataset } from '../../src/data/dataset.ts';
import { NORMALIZATIONS } from '../../src/data/normalization.ts';
import { renderer, type Pipeline } from '../../src/data/render.ts';
import type { AugmentConfig, EvalConfig } from '../../src/data/transform.ts';
import { goldenBytes } from './image/golden.ts';

const CONVNEXT: AugmentConfig = {
  crop: { kind: 'random-resized', scale: [0.08, 1], ratio: [3 / 4, 4 / 3] },
  interpolation: 'bicubic',
  flip: 0.5,
  colorJitter: 0.4,
  autoAugment: 'rand-m9-mstd0.5-inc1',
  erasing: { prob: 0.25, mode: 'pixel', count: 1 },
};
const DEIT3: AugmentConfig = {
  ...CONVNEXT,
  interpolation: 'bilinear',
  colorJitter: 0.3,
  autoAugment: '3a',
  erasing: { prob: 1, mode: 'rand', count: 2 },
};
const EVAL: EvalConfig = { resize: 256, crop: 224, squash: false, interpolation: 'bicubic' };

const PHOTOS = ['beetle.jpg', 'dough.jpg'];

/** The checksum of `count` rendered samples, taken from the photographs in turn. */
async function rendered(pipeline: Pick<Pipeline, 'mode'> & object, count: number): Promise<string> {
  const files = PHOTOS.map(goldenBytes);
  const dataset = { load: async (index: number) => files[index], key: (index: number) => PHOTOS[index] };
  const whole = { size: 224, normalization: NORMALIZATIONS.imagenet, ...pipeline } as Pipeline;
  const render = renderer({ ...dataset, length: PHOTOS.length } as unknown as Dataset, {
    pipeline: whole,
    seed: 5,
    onError: 'fail',
    indices: undefined,
  });
  const slot = new SharedArrayBuffer(count * 3 * 224 * 224 * 4);
  const numbers = Array.from({ length: count }, (_, i) => i);
  const { indices } = await render({ slot, at: 0, items: numbers, streams: numbers });
  expect(indices).toEqual(numbers.map((i) => i % PHOTOS.length));
  return createHash('sha256').update(new Uint8Array(slot)).digest('hex').slice(0, 16);
}

// A faster loader makes the same pixels: a recorded run goes on with the images that it began with.
test.each([
  ['ConvNeXt training', { mode: 'train', augment: CONVNEXT } as const, 40, '8e0128f337b354a8'],
  ['DeiT III training', { mode: 'train', augment: DEIT3 } as const, 16, 'dd0ef4d0bf64a92e'],
  ['evaluation', { mode: 'eval', eval: EVAL } as const, 2, '4441aaf0c921d6d4'],
])('the images of %s are those of every release', async (_, pipeline, count, checksum) => {
  expect(await rendered(pipeline, count)).toBe(checksum);
});
