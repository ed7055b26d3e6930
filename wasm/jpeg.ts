/**
 * Baseline JPEG, to the bit as libjpeg-turbo decodes it by default: the accurate integer inverse transform (jidctint.c), "fancy" chroma
 * upsampling (jdsample.c) and 16-bit fixed-point colours (jdcolor.c). src/data/image/jpeg.ts reads the headers and says what is taken on;
 * whatever is unusual or damaged ends with `false`, and another decoder has the word.
 */
import { inverseTransform, flatBlock } from './idct';

/** Bits that index a table of codes; longer codes are searched for. */
const LOOK = 10;
/** Of an entry: bits 0–4 length, 5–8 zeros before it, 9–12 bits of its value, 13 whether bits 16–31 hold the value and length counts it. */
const HAS_VALUE = 1 << 13;
/** Entries for LOOK bits, then for lengths 0–16 the first code after it (left-aligned in 16 bits) and the place of its symbols, then symbols. */
const LIMITS: usize = 4 << LOOK;
const PLACES: usize = LIMITS + 17 * 4;
const SYMBOLS: usize = PLACES + 17 * 4;

/** A block's coefficients in natural order, and room for those of broken files. */
const BLOCK = memory.data(160, 16);

/** Where the zigzag's coefficients lie, in bytes; past the end of a block, in the spare room. */
const ZIGZAG = memory.data<u8>([
  0, 2, 16, 32, 18, 4, 6, 20, 34, 48, 64, 50, 36, 22, 8, 10, 24, 38, 52, 66, 80, 96, 82, 68, 54, 40, 26, 12,
  14, 28, 42, 56, 70, 84, 98, 112, 114, 100, 86, 72, 58, 44, 30, 46, 60, 74, 88, 102, 116, 118, 104, 90, 76,
  62, 78, 92, 106, 120, 122, 108, 94, 110, 124, 126, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128,
]);

/** The value of `size` bits: those that begin with 0 are negative. */
function extended(bits: i32, size: i32): i32 {
  return bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits;
}

/**
 * Makes a table for decoding.
 * @param counts (16) u8, the number of codes of each length, and then their symbols
 * @param table 4 · 2^10 + 136 + 256 bytes
 */
export function makeTable(counts: usize, table: usize): bool {
  memory.fill(table, 0, LIMITS);
  let code = 0;
  let place = 0;
  for (let length = 1; length <= 16; length++) {
    const count = <i32>load<u8>(counts + length - 1);
    store<i32>(table + PLACES + ((<usize>length) << 2), place - code);
    for (let i = 0; i < count; i++, code++, place++) {
      const symbol = <i32>load<u8>(counts + 16 + place);
      store<u8>(table + SYMBOLS + place, <u8>symbol);
      if (length <= LOOK) fillEntries(table, code, length, symbol);
    }
    if (code >= 1 << length) return false;
    store<i32>(table + LIMITS + ((<usize>length) << 2), code << (16 - length));
    code <<= 1;
  }
  return true;
}

/** All entries that begin with the code. */
function fillEntries(table: usize, code: i32, length: i32, symbol: i32): void {
  const free = LOOK - length;
  const size = symbol & 15;
  const run = symbol >> 4;
  for (let rest = 0; rest < 1 << free; rest++) {
    let entry = length | (run << 5) | (size << 9);
    if (size > 0 && size <= free)
      entry = (length + size) | (run << 5) | HAS_VALUE | (extended(rest >> (free - size), size) << 16);
    store<i32>(table + ((<usize>((code << free) + rest)) << 2), entry);
  }
}

/** The entry of a code that is longer than LOOK bits; 0 if there is none. */
function longCode(table: usize, next: i32): i32 {
  for (let length = LOOK + 1; length <= 16; length++)
    if (next < load<i32>(table + LIMITS + ((<usize>length) << 2))) {
      const place = (next >> (16 - length)) + load<i32>(table + PLACES + ((<usize>length) << 2));
      const symbol = <i32>load<u8>(table + SYMBOLS + place);
      return length | ((symbol >> 4) << 5) | ((symbol & 15) << 9);
    }
  return 0;
}

/**
 * Copies coded bytes without the zeros that are stuffed behind 255, four at a time in the order of a big-endian word.
 * @returns the number of bytes up to the end marker, or −1 if another marker comes first, or none
 */
export function unstuff(from: usize, bytes: i32, to: usize): i32 {
  const end = from + bytes;
  const start = to;
  const reversed = i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
  let length = -1;
  while (from < end) {
    const next = v128.load(from);
    v128.store(to, next);
    const marks = i8x16.bitmask(i8x16.eq(next, i8x16.splat(-1)));
    if (marks == 0) {
      from += 16;
      to += 16;
      continue;
    }
    const plain = ctz(marks);
    from += plain;
    to += plain;
    const mark = load<u8>(from, 1);
    if (mark != 0) {
      if (from + 1 < end && mark == 0xd9) length = <i32>(to - start);
      break;
    }
    to += 1;
    from += 2;
  }
  if (length < 0) return -1;
  memory.fill(to, 0, 32);
  for (let at = start; at < to; at += 16) v128.store(at, i8x16.swizzle(v128.load(at), reversed));
  return length;
}

/** Offsets in a component's record of u32. */
const COLUMNS: usize = 0;
const ROWS: usize = 4;
const DC_TABLE: usize = 8;
const AC_TABLE: usize = 12;
const QUANTISATION: usize = 16;
const PLANE: usize = 20;
const STRIDE: usize = 24;
const PREDICTION: usize = 28;
const RECORD: usize = 32;

/**
 * Decodes all blocks, and transforms to their planes those of the units in a window of rows and columns, its ends included.
 * @param data words of `unstuff`, `bytes` of them, and 4 KiB more that may be read
 * @param components records of: blocks of a unit across and down, tables, quantisation (80 u16 in zigzag order, the last 16 zero),
 *   plane, its stride, 0
 * @param wide, high units in the image
 */
export function decodeScan(
  data: usize,
  bytes: i32,
  components: usize,
  count: i32,
  wide: i32,
  high: i32,
  left: i32,
  top: i32,
  right: i32,
  bottom: i32,
): bool {
  const end = data + bytes;
  // A damaged file may have left something there.
  memory.fill(BLOCK, 0, 160);
  let bits: u64 = 0;
  let available = 0;
  let wild = 0;
  for (let row = 0; row < high; row++)
    for (let column = 0; column < wide; column++) {
      if (data > end + 8) return false;
      const isWanted = row >= top && row <= bottom && column >= left && column <= right;
      for (let c = 0; c < count; c++) {
        const component = components + <usize>c * RECORD;
        const dc = load<usize>(component, DC_TABLE);
        const ac = load<usize>(component, AC_TABLE);
        const quantisation = load<usize>(component, QUANTISATION);
        const across = load<i32>(component, COLUMNS);
        const down = load<i32>(component, ROWS);
        const stride = load<usize>(component, STRIDE);
        const corner =
          load<usize>(component, PLANE) + <usize>(row * down * 8) * stride + <usize>(column * across * 8);
        for (let block = 0; block < across * down; block++) {
          if (available <= 32) {
            bits |= (<u64>load<u32>(data)) << (32 - available);
            data += 4;
            available += 32;
          }
          let entry = load<i32>(dc + ((<usize>(bits >> (64 - LOOK))) << 2));
          if (entry == 0) entry = longCode(dc, <i32>(bits >> 48));
          if (entry == 0) return false;
          let length = entry & 31;
          let value = entry >> 16;
          if (!(entry & HAS_VALUE)) {
            const size = ((entry >> 9) & 15) | ((entry >> 1) & 0xf0);
            if (size > 11) return false;
            value = 0;
            if (size > 0) {
              value = extended(<i32>((bits << length) >> (64 - size)), size);
              length += size;
            }
          } else if (entry & (15 << 5)) return false;
          bits <<= length;
          available -= length;
          const level = load<i32>(component, PREDICTION) + value;
          store<i32>(component, level, PREDICTION);
          const scaled = level * <i32>load<u16>(quantisation);
          wild |= scaled ^ (scaled >> 31);
          store<i16>(BLOCK, <i16>scaled);

          let k: usize = 1;
          while (k < 64) {
            if (available <= 32) {
              bits |= (<u64>load<u32>(data)) << (32 - available);
              data += 4;
              available += 32;
            }
            entry = load<i32>(ac + ((<usize>(bits >> (64 - LOOK))) << 2));
            length = entry & 31;
            value = entry >> 16;
            if (!(entry & HAS_VALUE)) {
              if (entry == 0) {
                entry = longCode(ac, <i32>(bits >> 48));
                if (entry == 0) return false;
                length = entry & 31;
              }
              const size = (entry >> 9) & 15;
              if (size == 0) {
                bits <<= length;
                available -= length;
                if (((entry >> 5) & 15) != 15) break;
                k += 16;
                continue;
              }
              value = extended(<i32>((bits << length) >> (64 - size)), size);
              length += size;
            }
            bits <<= length;
            available -= length;
            k += (entry >> 5) & 15;
            const product = value * <i32>load<u16>(quantisation + (k << 1));
            wild |= product ^ (product >> 31);
            store<i16>(BLOCK + load<u8>(ZIGZAG + k), <i16>product);
            k += 1;
          }
          if (k > 64) return false;
          const x = block % across;
          const at = corner + <usize>((block / across) * 8) * stride + <usize>(x * 8);
          if (k > 1) {
            if (isWanted) inverseTransform(BLOCK, at, stride);
            memory.fill(BLOCK, 0, 128);
          } else if (isWanted) flatBlock(load<i16>(BLOCK), at, stride);
        }
      }
    }
  // No picture has such coefficients, and where their sums exceed 16 bits decoders differ.
  if (wild >= 1 << 13) return false;
  // Whole bytes that no block used, or blocks that used more than there is: the file is not what it says.
  const unused = <i32>(end - data) * 8 + available;
  return unused >= 0 && unused < 8;
}
