import type { Image } from '../image/image.ts';
import { freshWorkspace } from '../../util/wasm.ts';
import { mapImage } from '../image/map-image.ts';

/**
 * Pillow's point operations and enhancers on 8-bit RGB (python-pillow/Pillow src/PIL/{ImageOps,ImageEnhance,ImageFilter}.py and
 * src/libImaging/Blend.c). None draws random numbers; none changes its input.
 */

/** One look-up table for all three channels. */
function mapLevels(image: Image, table: Uint8Array): Image {
  const tables = new Uint8Array(768);
  for (let c = 0; c < 3; c++) tables.set(table, c * 256);
  return mapChannels(image, tables);
}

/** One look-up table for each channel, 256 entries each, in one array. */
function mapChannels(image: Image, tables: Uint8Array): Image {
  return mapImage(image, (run, from, to, space) =>
    run.mapChannels(from, image.width * image.height, space.put(tables), to),
  );
}

function levels(value: (level: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, level) => value(level));
}

/** Counts of the levels, 256 for each channel. */
function histograms({ data }: Image): Uint32Array {
  const space = freshWorkspace();
  const from = space.put(data);
  const counts = space.put(new Uint32Array(768));
  space.run.histograms(from, data.length / 3, counts);
  return new Uint32Array(space.take(counts, 768 * 4).buffer);
}

/** Stretches each channel so that its darkest level becomes 0 and its lightest 255. */
export function autocontrast(image: Image): Image {
  const counts = histograms(image);
  const tables = new Uint8Array(768);
  for (let c = 0; c < 768; c += 256) {
    const histogram = counts.subarray(c, c + 256);
    const low = histogram.findIndex((count) => count > 0);
    const high = histogram.findLastIndex((count) => count > 0);
    const scale = 255 / (high - low);
    const offset = -low * scale;
    for (let level = 0; level < 256; level++)
      tables[c + level] =
        high <= low ? level : Math.max(0, Math.min(255, Math.trunc(level * scale + offset)));
  }
  return mapChannels(image, tables);
}

/** Equalises the histogram of each channel. */
export function equalize(image: Image): Image {
  const counts = histograms(image);
  const tables = new Uint8Array(768);
  for (let c = 0; c < 768; c += 256) {
    const histogram = counts.subarray(c, c + 256);
    const last = histogram[histogram.findLastIndex((count) => count > 0)] as number;
    const step = Math.floor((image.width * image.height - last) / 255);
    let seen = Math.floor(step / 2);
    for (let level = 0; level < 256; level++) {
      tables[c + level] = step === 0 ? level : Math.min(255, Math.floor(seen / step));
      seen += histogram[level] as number;
    }
  }
  return mapChannels(image, tables);
}

export function invert(image: Image): Image {
  return mapLevels(
    image,
    levels((v) => 255 - v),
  );
}

/** Keeps the `bits` highest bits of each level: 0 gives black, 8 or more the image itself. */
export function posterize(image: Image, bits: number): Image {
  if (bits >= 8) return image;
  const mask = 256 - 2 ** (8 - bits);
  return mapLevels(
    image,
    levels((v) => v & mask),
  );
}

/** Inverts levels at or above the threshold. */
export function solarize(image: Image, threshold: number): Image {
  return mapLevels(
    image,
    levels((v) => (v < threshold ? v : 255 - v)),
  );
}

/** Adds `amount` to levels below 128, up to 255. */
export function solarizeAdd(image: Image, amount: number): Image {
  return mapLevels(
    image,
    levels((v) => (v < 128 ? Math.min(255, v + amount) : v)),
  );
}

/**
 * Pillow's blend of two levels, degenerate + factor·(level − degenerate), in single precision and truncated. Outside [0, 1] the
 * C code clamps first, which for a value already in 0 … 255 changes nothing, so one rule serves both.
 */
function blendLevel(degenerate: number, level: number, factor: number): number {
  const value = Math.fround(degenerate + Math.fround(factor * (level - degenerate)));
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
}

/** Scales towards black (factor 0) or away from it. */
export function brightness(image: Image, factor: number): Image {
  const alpha = Math.fround(factor);
  return mapLevels(
    image,
    levels((v) => blendLevel(0, v, alpha)),
  );
}

/** Moves levels towards (factor 0) or away from the image's mean grey. */
export function contrast(image: Image, factor: number): Image {
  const space = freshWorkspace();
  const pixels = image.width * image.height;
  const mean = Math.floor(space.run.greySum(space.put(image.data), pixels) / pixels + 0.5);
  const alpha = Math.fround(factor);
  return mapLevels(
    image,
    levels((v) => blendLevel(mean, v, alpha)),
  );
}

/** Saturation: moves colours towards (factor 0) or away from their grey. */
export function color(image: Image, factor: number): Image {
  return mapImage(image, (run, from, to) => run.blend(from, image.width * image.height, factor, to));
}

/** Moves pixels towards (factor 0) or away from a 3×3 smoothing of the image; the outermost pixels keep their values. */
export function sharpness(image: Image, factor: number): Image {
  return mapImage(image, (run, from, to, space) => {
    space.write(to, image.data);
    run.sharpen(from, image.width, image.height, factor, to);
  });
}
