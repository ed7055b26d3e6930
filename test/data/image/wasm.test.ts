import { describe, expect, test } from 'vitest';
import { builtChecksum, sourcesChecksum } from '../../../scripts/build-wasm.ts';
import { affine, rotation, shearX, shearY, translateX, translateY } from '../../../src/data/augment/affine.ts';
import { autocontrast, color, contrast, invert, sharpness } from '../../../src/data/augment/pillow-ops.ts';
import { hflip } from '../../../src/data/image/crop.ts';
import type { Image } from '../../../src/data/image/image.ts';
import { resize } from '../../../src/data/image/resize.ts';
import { toTensor } from '../../../src/data/transform.ts';
import { texture } from './golden.ts';
import * as plain from './plain.ts';

test('the committed module is made of the sources beside it', () => {
  expect(builtChecksum(), 'wasm/*.ts changed: run npm run wasm').toBe(sourcesChecksum());
});

// Less than a vector, about a vector, more than one, and sides that no vector divides.
const SIZES = [[1, 1], [2, 3], [3, 2], [4, 4], [5, 7], [6, 1], [1, 9], [16, 5], [17, 11], [23, 40]] as const;

/** Noise between black and white rows: overshoot, flat parts and every edge. */
function noise(width: number, height: number): Image {
  const image = texture(width, height);
  for (let y = 0; y < height; y++)
    if (y % 4 < 2) image.data.fill(y % 4 === 0 ? 0 : 255, y * width * 3, (y + ((y >> 2) % 2)) * width * 3);
  return image;
}

function expectSame(found: Image, expected: Image, label: string): void {
  expect([found.width, found.height], label).toEqual([expected.width, expected.height]);
  expect(Buffer.compare(found.data, expected.data), label).toBe(0);
}

describe.each(SIZES)('vectors equal single values on %i×%i', (width, height) => {
  const image = noise(width, height);

  test('resize', () => {
    const boxes = [
      { left: 0, top: 0, width, height },
      { left: width >> 2, top: height >> 1, width: width - (width >> 1), height: height - (height >> 1) },
    ];
    for (const filter of ['box', 'bilinear', 'bicubic'] as const)
      for (const [w, h] of [[1, 1], [3, 5], [13, 4], [29, 31]] as const)
        for (const box of boxes)
          expectSame(resize(image, w, h, filter, box), plain.resize(image, w, h, filter, box), `${filter} ${w}×${h}`);
  });

  test('warps', () => {
    const matrices = {
      turn: rotation(27, width, height),
      quarter: rotation(90, width, height),
      shearX: shearX(0.27),
      shearY: shearY(-0.3),
      shift: translateX(width * 0.41),
      whole: translateY(1),
      up: translateY(-height * 0.3),
    };
    for (const filter of ['nearest', 'bilinear', 'bicubic'] as const)
      for (const [name, matrix] of Object.entries(matrices))
        expectSame(
          affine(image, matrix, filter, [124, 116, 104]),
          plain.affine(image, matrix, filter, [124, 116, 104]),
          `${filter} ${name}`,
        );
  });

  test('colours', () => {
    expectSame(hflip(image), plain.hflip(image), 'flip');
    for (const factor of [0, 0.1, 0.55, 1, 1.9]) {
      expectSame(color(image, factor), plain.color(image, factor), `color ${factor}`);
      expectSame(contrast(image, factor), plain.contrast(image, factor), `contrast ${factor}`);
      expectSame(sharpness(image, factor), plain.sharpness(image, factor), `sharpness ${factor}`);
    }
    expectSame(autocontrast(image), plain.autocontrast(image), 'autocontrast');
    expect(invert(image).data).toEqual(image.data.map((v) => 255 - v));
  });

  test('tensor', () => {
    const out = new Float32Array(width * height * 3 + 2).fill(NaN);
    toTensor(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], out, 1);
    const planes = Array.from({ length: 3 }, (_, c) => [...image.data].filter((_, i) => i % 3 === c)).flat();
    const [mean, std] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]].map((each) => each.map(Math.fround)) as [number[], number[]];
    const expected = planes.map((v, i) => {
      const c = Math.floor(i / (width * height));
      return Math.fround(Math.fround(Math.fround(v / 255) - mean[c]!) / std[c]!);
    });
    expect([...out]).toEqual([NaN, ...expected, NaN]);
  });
});

test('an image of more rows than are copied at once', () => {
  const tall = texture(700, 1003);
  const box = { left: 1, top: 2, width: 698, height: 1001 };
  expectSame(resize(tall, 3, 40, 'bilinear', box), plain.resize(tall, 3, 40, 'bilinear', box), 'tall');
});
