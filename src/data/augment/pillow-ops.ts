import { newImage, type Image } from '../image/image.ts';

/**
 * Pillow's point operations and enhancers on 8-bit RGB (python-pillow/Pillow src/PIL/{ImageOps,ImageEnhance,ImageFilter}.py and
 * src/libImaging/Blend.c). None draws random numbers; none changes its input.
 */

/** One look-up table for all three channels. */
function mapLevels(image: Image, table: Uint8Array): Image {
  const out = newImage(image.width, image.height);
  const { data } = image;
  const to = out.data;
  for (let i = 0; i < data.length; i++) to[i] = table[data[i] as number] as number;
  return out;
}

/** One look-up table for each channel, 256 entries each, in one array. */
function mapChannels(image: Image, tables: Uint8Array): Image {
  const out = newImage(image.width, image.height);
  const { data } = image;
  const to = out.data;
  for (let i = 0; i < data.length; i += 3) {
    to[i] = tables[data[i] as number] as number;
    to[i + 1] = tables[256 + (data[i + 1] as number)] as number;
    to[i + 2] = tables[512 + (data[i + 2] as number)] as number;
  }
  return out;
}

function levels(value: (level: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, level) => value(level));
}

/** Counts of the levels, 256 for each channel. */
function histograms({ data }: Image): Uint32Array {
  const counts = new Uint32Array(768);
  for (let i = 0; i < data.length; i += 3) {
    const red = data[i] as number;
    const green = 256 + (data[i + 1] as number);
    const blue = 512 + (data[i + 2] as number);
    counts[red] = (counts[red] as number) + 1;
    counts[green] = (counts[green] as number) + 1;
    counts[blue] = (counts[blue] as number) + 1;
  }
  return counts;
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
  const { data } = image;
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luma(data, i);
  const mean = Math.floor(sum / (data.length / 3) + 0.5);
  const alpha = Math.fround(factor);
  return mapLevels(
    image,
    levels((v) => blendLevel(mean, v, alpha)),
  );
}

/** Saturation: moves colours towards (factor 0) or away from their grey. */
export function color(image: Image, factor: number): Image {
  const out = newImage(image.width, image.height);
  const { data } = image;
  const to = out.data;
  const alpha = Math.fround(factor);
  const scaled = new Float32Array(511);
  for (let i = 0; i < 511; i++) scaled[i] = alpha * (i - 255);
  for (let i = 0; i < data.length; i += 3) {
    const grey = luma(data, i);
    const at = 255 - grey;
    to[i] = clampLevel(grey + (scaled[at + (data[i] as number)] as number));
    to[i + 1] = clampLevel(grey + (scaled[at + (data[i + 1] as number)] as number));
    to[i + 2] = clampLevel(grey + (scaled[at + (data[i + 2] as number)] as number));
  }
  return out;
}

function clampLevel(sum: number): number {
  const value = Math.fround(sum);
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
}

/** Pillow's RGB → L of the pixel at byte `i`: ITU-R 601 weights in 16-bit fixed point. */
function luma(data: Uint8Array, i: number): number {
  return (
    ((data[i] as number) * 19595 +
      (data[i + 1] as number) * 38470 +
      (data[i + 2] as number) * 7471 +
      0x8000) >>
    16
  );
}

/** Moves pixels towards (factor 0) or away from a 3×3 smoothing of the image; the outermost pixels keep their values. */
export function sharpness(image: Image, factor: number): Image {
  const { width, height, data } = image;
  const out = newImage(width, height);
  const to = out.data;
  to.set(data);
  const alpha = Math.fround(factor);
  const stride = width * 3;
  const scaled = new Float32Array(511);
  for (let i = 0; i < 511; i++) scaled[i] = alpha * (i - 255);
  // (1,1,1; 1,5,1; 1,1,1)/13 rounded to nearest. 13 is odd, so no sum is half-way and Pillow's single precision cannot differ.
  const smoothed = Uint8Array.from({ length: 255 * 13 + 1 }, (_, sum) => Math.floor((2 * sum + 13) / 26));
  const columns = new Int32Array(stride);
  for (let y = 1; y < height - 1; y++) {
    const row = y * stride;
    for (let i = 0, p = row; i < stride; i++, p++)
      columns[i] = (data[p - stride] as number) + (data[p] as number) + (data[p + stride] as number);
    for (let i = 3, p = row + 3; i < stride - 3; i++, p++) {
      const level = data[p] as number;
      const sum =
        (columns[i - 3] as number) + (columns[i] as number) + (columns[i + 3] as number) + 4 * level;
      const blurred = smoothed[sum] as number;
      to[p] = clampLevel(blurred + (scaled[255 + level - blurred] as number));
    }
  }
  return out;
}
