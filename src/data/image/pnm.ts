/** Netpbm: PBM, PGM and PPM, as text (P1 to P3) and raw (P4 to P6), with Pillow's scaling of other maxima than 255. */
import { MAX_PIXELS, newImage, roundHalfEven } from './image.ts';
import type { Image } from './image.ts';


const [HASH, NEWLINE] = [0x23, 0x0a];

/** @throws Error with the reason */
export function decodePnm(bytes: Uint8Array): Image {
  const kind = (bytes[1] as number) - 0x30;
  const isText = kind <= 3;
  const isBilevel = kind === 1 || kind === 4;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const words = wordReader(bytes, 2);
  const width = Number(words.next());
  const height = Number(words.next());
  const maximum = isBilevel ? 1 : Number(words.next());
  if (!(width > 0 && height > 0 && width * height <= MAX_PIXELS)) throw new Error(`${width}×${height} pixels`);
  if (!(maximum >= 1 && maximum <= 65_535)) throw new Error(`a largest value of ${maximum}`);
  const image = newImage(width, height);
  const value = isText ? textValues(words, isBilevel) : rawValues(bytes, words.position() + 1, { kind, width, height, maximum });
  // Pillow opens 16-bit grey as integers and clips those at 255 on conversion; colours are scaled to 8 bits.
  const scale = channels === 1 && maximum > 255 ? 65_535 : 255;
  for (let i = 0; i < width * height * channels; i++) {
    const found = value(i);
    const level = isBilevel ? 255 * (1 - found) : Math.min(255, roundHalfEven((found / maximum) * scale));
    if (channels === 3) image.data[i] = level;
    else image.data.fill(level, 3 * i, 3 * i + 3);
  }
  return image;
}

interface Words {
  /** The next word; with `digits`, its next digit. */
  next(digits?: boolean): string;
  /** First byte after the last word. */
  position(): number;
}

function wordReader(bytes: Uint8Array, start: number): Words {
  let at = start;
  const isSpace = (byte: number | undefined) => byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13);
  return {
    position: () => at,
    next: (digits = false) => {
      for (; isSpace(bytes[at]) || bytes[at] === HASH; at++)
        if (bytes[at] === HASH) while (at < bytes.length && bytes[at] !== NEWLINE) at++;
      const first = at;
      while (at < bytes.length && !isSpace(bytes[at]) && bytes[at] !== HASH && !(digits && at > first)) at++;
      const word = Buffer.from(bytes.subarray(first, Math.min(at, first + 12))).toString('latin1');
      if (!/^\d{1,9}$/.test(word)) throw new Error(word === '' ? 'it ends early' : `"${word}" where a number belongs`);
      return word;
    },
  };
}

function textValues(words: Words, isBilevel: boolean): (i: number) => number {
  return () => Number(words.next(isBilevel));
}

function rawValues(
  bytes: Uint8Array,
  start: number,
  { kind, width, height, maximum }: { kind: number; width: number; height: number; maximum: number },
): (i: number) => number {
  const stride = kind === 4 ? Math.ceil(width / 8) : width * (kind === 6 ? 3 : 1) * (maximum > 255 ? 2 : 1);
  if (start + stride * height > bytes.length)
    throw new Error(`${width}×${height} pixels do not fit the ${bytes.length} bytes`);
  const at = (i: number) => bytes[start + i] as number;
  if (kind === 4)
    return (i) => (at(Math.floor(i / width) * stride + ((i % width) >> 3)) >> (7 - ((i % width) & 7))) & 1;
  return maximum > 255 ? (i) => at(2 * i) * 256 + at(2 * i + 1) : at;
}
