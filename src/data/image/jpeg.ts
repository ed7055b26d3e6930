import type { Image } from './image.ts';
import { freshWorkspace } from '../../util/wasm.ts';

/** A larger image would leave its thread's module with as much memory for good. */
const MOST_PIXELS = 1 << 24;
/** As wasm/jpeg.ts reads them. */
const TABLE_BYTES = (4 << 10) + 2 * 17 * 4 + 256;
const QUANTISATION_ENTRIES = 80;
const READ_AHEAD = 4096;

interface Component {
  readonly id: number;
  readonly across: number;
  readonly down: number;
  readonly quantisation: Uint8Array;
}

/** All that stands before the coded blocks. */
interface Header {
  readonly width: number;
  readonly height: number;
  readonly components: readonly (Component & { readonly dc: Uint8Array; readonly ac: Uint8Array })[];
  /** Where the coded blocks begin. */
  readonly start: number;
}

/**
 * Decodes an undamaged baseline JPEG of grey or YCbCr, with full, halved or quartered chroma, to the pixels of libjpeg-turbo. Undefined for
 * all others, of which some are images: progressive ones, with restart markers, of other colours, or damaged a little.
 */
export function decodeBaseline(bytes: Uint8Array): Image | undefined {
  const header = readHeader(bytes);
  if (header === undefined || header.width * header.height > MOST_PIXELS) return undefined;
  const { width, height, components, start } = header;
  const [luma, chroma] = components;
  if (luma === undefined) return undefined;
  const [wide, high] = [Math.ceil(width / (8 * luma.across)), Math.ceil(height / (8 * luma.down))];
  const space = freshWorkspace();
  const { run } = space;
  const coded = space.put(bytes.subarray(start));
  const words = space.room(bytes.length - start + READ_AHEAD);
  const length = run.unstuff(coded, bytes.length - start, words);
  if (length < 0) return undefined;
  const tables = new Map<Uint8Array, number>();
  for (const counts of components.flatMap(({ dc, ac }) => [dc, ac])) {
    if (tables.has(counts)) continue;
    const table = space.room(TABLE_BYTES);
    if (!run.makeTable(space.put(counts), table)) return undefined;
    tables.set(counts, table);
  }
  const planes = components.map(({ across, down, quantisation, dc, ac }) => {
    const factors = new Uint16Array(QUANTISATION_ENTRIES);
    factors.set(quantisation);
    const stride = wide * across * 8;
    const plane = space.room(stride * high * down * 8);
    return [across, down, tables.get(dc) ?? 0, tables.get(ac) ?? 0, space.put(factors), plane, stride, 0] as const;
  });
  const records = space.put(Uint32Array.from(planes.flat()));
  if (!run.decodeScan(words, length, records, planes.length, wide, high)) return undefined;
  const to = space.room(width * height * 3);
  const [y, cb, cr] = planes;
  if (y === undefined) return undefined;
  if (cb === undefined || cr === undefined || chroma === undefined) run.greysOf(y[5], y[6], width, height, to);
  else {
    const [chromaWidth, chromaHeight] = [Math.ceil(width / luma.across), Math.ceil(height / luma.down)];
    const scratch = space.room(4 * width + 160);
    run.coloursOf(
      y[5], y[6], width, height, cb[5], cr[5], cb[6], chromaWidth, chromaHeight, luma.across, luma.down, scratch, to,
    );
  }
  return { width, height, data: space.take(to, width * height * 3) };
}

/** Tables, the frame, comments and applications' segments; JFIF's and Adobe's say what the colours are. */
const USUAL = new Set([0xdb, 0xc4, 0xc0, 0xfe, ...Array.from({ length: 16 }, (_, i) => 0xe0 + i)]);

/** Undefined unless every segment up to the first scan is whole and of the usual kind. */
function readHeader(bytes: Uint8Array): Header | undefined {
  const quantisations: Uint8Array[] = [];
  const tables: Uint8Array[] = [];
  let frame: Frame | undefined;
  let isJfif = false;
  let adobe = -1;
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] as number;
    const length = word(bytes, at + 2);
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (length < 2 || at + 2 + length > bytes.length) return undefined;
    at += 2 + length;
    if (marker === 0xdb && !readQuantisations(body, quantisations)) return undefined;
    if (marker === 0xc4 && !readTables(body, tables)) return undefined;
    if (marker === 0xc0 && frame === undefined) frame = readFrame(body);
    else if (marker === 0xe0) isJfif ||= startsWith(body, 'JFIF\0') && body.length >= 12;
    else if (marker === 0xee) adobe = startsWith(body, 'Adobe') && body.length >= 12 ? (body[11] as number) : adobe;
    else if (marker === 0xda) {
      if (frame === undefined) return undefined;
      const isYcc = isJfif || adobe === 1 || (adobe < 0 && frame.components.every(({ id }, i) => id === i + 1));
      return isYcc || frame.components.length === 1 ? withTables(frame, body, quantisations, tables, at) : undefined;
    } else if (!USUAL.has(marker)) return undefined;
  }
  return undefined;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: readonly (Omit<Component, 'quantisation'> & { readonly quantisation: number })[];
}

function readFrame(body: Uint8Array): Frame | undefined {
  const count = body[5];
  if (body[0] !== 8 || (count !== 1 && count !== 3) || body.length !== 6 + 3 * count) return undefined;
  const [height, width] = [word(body, 1), word(body, 3)];
  const components = Array.from({ length: count }, (_, i) => {
    const [id = 0, sampling = 0, quantisation = 0] = body.subarray(6 + 3 * i, 9 + 3 * i);
    // Of a single component every unit is one block, whatever its sampling.
    const [across, down] = count === 1 ? [1, 1] : [sampling >> 4, sampling & 15];
    return { id, across, down, quantisation };
  });
  const [luma, ...chroma] = components;
  if (luma === undefined || width === 0 || height === 0) return undefined;
  const isUsual = [11, 21, 22].includes(luma.across * 10 + luma.down);
  const isCommon = chroma.every(({ across, down }) => across === 1 && down === 1);
  // libjpeg does not interpolate chroma of one or two columns.
  const isNarrow = luma.across === 2 && width <= 4;
  return isUsual && isCommon && !isNarrow ? { width, height, components } : undefined;
}

/** The tables that the scan names; undefined if one is missing, or the scan is not the only one. */
function withTables(
  { width, height, components }: Frame,
  body: Uint8Array,
  quantisations: readonly Uint8Array[],
  tables: readonly Uint8Array[],
  start: number,
): Header | undefined {
  const count = components.length;
  if (body[0] !== count || body.length !== 4 + 2 * count) return undefined;
  const [first, last, bits] = body.subarray(1 + 2 * count);
  if (first !== 0 || last !== 63 || bits !== 0) return undefined;
  const found = [];
  for (const [i, component] of components.entries()) {
    const [id, choice = 0] = body.subarray(1 + 2 * i, 3 + 2 * i);
    const quantisation = quantisations[component.quantisation];
    const dc = tables[choice >> 4];
    const ac = tables[16 + (choice & 15)];
    if (id !== component.id || quantisation === undefined || dc === undefined || ac === undefined) return undefined;
    found.push({ ...component, quantisation, dc, ac });
  }
  return { width, height, components: found, start };
}

/** Tables of 8 bits by number; false if there is anything else. */
function readQuantisations(body: Uint8Array, to: Uint8Array[]): boolean {
  for (let at = 0; at < body.length; at += 65) {
    if ((body[at] as number) > 3 || at + 65 > body.length) return false;
    to[body[at] as number] = body.subarray(at + 1, at + 65);
  }
  return true;
}

/** Counts and symbols of Huffman tables, 0 to 3 of first coefficients and 16 to 19 of the others; false if there is anything else. */
function readTables(body: Uint8Array, to: Uint8Array[]): boolean {
  for (let at = 0; at < body.length;) {
    const symbols = body.subarray(at + 1, at + 17).reduce((sum, count) => sum + count, 0);
    const end = at + 17 + symbols;
    if (((body[at] as number) & 0xec) !== 0 || symbols > 256 || end > body.length) return false;
    // A first coefficient's symbol is its number of bits.
    if ((body[at] as number) < 16 && body.subarray(at + 17, end).some((symbol) => symbol > 15)) return false;
    const table = new Uint8Array(16 + 256);
    table.set(body.subarray(at + 1, end));
    to[body[at] as number] = table;
    at = end;
  }
  return true;
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.subarray(0, text.length)).toString('latin1') === text;
}
