/** Windows bitmaps: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits, with or without masks. Runs (RLE) are refused. */
import { MAX_PIXELS, newImage } from './image.ts';
import type { Image } from './image.ts';


const FILE_HEADER = 14;
const [PLAIN, BITFIELDS, ALPHA_BITFIELDS] = [0, 3, 6];

interface Header {
  readonly width: number;
  readonly height: number;
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** First byte of the pixels. */
  readonly offset: number;
  /** Bytes of the second header, and of one entry of the palette. */
  readonly size: number;
  readonly entry: 3 | 4;
}

/** @throws Error with the reason, RangeError where the file ends early */
export function decodeBmp(bytes: Uint8Array): Image {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view);
  const { width, height, bits, offset } = header;
  const image = newImage(width, height);
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (offset + stride * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length)
    throw new Error(`${width}×${height} pixels of ${bits} bits do not fit ${bytes.length} bytes`);
  const pixel = bits <= 8 ? paletteReader(bytes, header) : maskReader(view, header);
  for (let y = 0; y < height; y++) {
    const row = offset + stride * (header.isTopDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++) pixel(row, x, image.data, 3 * (y * width + x));
  }
  return image;
}

function readHeader(view: DataView): Header {
  const size = view.getUint32(14, true);
  const isCore = size === 12;
  if (!isCore && size < 40) throw new Error(`a header of ${size} bytes`);
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true);
  const rows = isCore ? view.getUint16(20, true) : view.getInt32(22, true);
  const height = Math.abs(rows);
  const bits = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? PLAIN : view.getUint32(30, true);
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw new Error(`${bits} bits a pixel`);
  if (![PLAIN, BITFIELDS, ALPHA_BITFIELDS].includes(compression)) throw new Error(`compression ${compression}`);
  if (!(width > 0 && height > 0 && width * height <= MAX_PIXELS)) throw new Error(`${width}×${rows} pixels`);
  const offset = view.getUint32(10, true);
  return { width, height, isTopDown: rows < 0, bits, compression, offset, size, entry: isCore ? 3 : 4 };
}

/** Writes the colour of pixel `x` of the row at byte `row` to `out[at …]`. */
type PixelReader = (row: number, x: number, out: Uint8Array, at: number) => void;

/** Entries are blue, green, red; indices lie with the first pixel in the highest bits. */
function paletteReader(bytes: Uint8Array, { bits, size, entry, offset }: Header): PixelReader {
  const start = FILE_HEADER + size;
  const mask = 2 ** bits - 1;
  return (row, x, out, at) => {
    const bit = x * bits;
    const index = ((bytes[row + (bit >> 3)] as number) >> (8 - bits - (bit & 7))) & mask;
    const colour = start + entry * index;
    if (colour + 3 > offset) throw new Error(`colour ${index} is not in its palette`);
    for (let c = 0; c < 3; c++) out[at + c] = bytes[colour + 2 - c] as number;
  };
}

/** 16 bits are 5-5-5 and more are 8-8-8 unless masks for red, green and blue say otherwise. */
function maskReader(view: DataView, { bits, compression }: Header): PixelReader {
  const usual = bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  const hasMasks = compression !== PLAIN && bits !== 24;
  const channels = usual.map((own, c) => {
    const mask = hasMasks ? view.getUint32(54 + 4 * c, true) : own;
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, most: mask === 0 ? 1 : mask >>> shift };
  });
  const width = bits / 8;
  return (row, x, out, at) => {
    const from = row + width * x;
    const value =
      bits === 16
        ? view.getUint16(from, true)
        : bits === 32
          ? view.getUint32(from, true)
          : view.getUint16(from, true) | (view.getUint8(from + 2) << 16);
    channels.forEach(({ mask, shift, most }, c) => {
      out[at + c] = Math.trunc((((value & mask) >>> shift) * 255) / most);
    });
  };
}
