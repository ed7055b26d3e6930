import { freshWorkspace, type Workspace } from '../../util/wasm.ts';
import type { Box, Image } from './image.ts';
import { latin1 } from './sniff.ts';

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

/** A file that another decoder must judge. */
class NotBaseline extends Error {}

/** Rows of pixels in the module's memory: the first of the box, and the bytes from one row to the next. */
export interface Pixels {
  readonly at: number;
  readonly stride: number;
}

/**
 * A baseline JPEG as an image that is decoded when its pixels are asked for, and as far as they are: its entropy code is read to the end, so
 * that damage anywhere is found, but only blocks that the box touches are transformed.
 */
export class LazyJpeg implements Image {
  readonly width: number;
  readonly height: number;
  private readonly bytes: Uint8Array;
  private readonly header: Header;
  private whole: Uint8Array | undefined;

  constructor(bytes: Uint8Array, header: Header) {
    this.width = header.width;
    this.height = header.height;
    this.bytes = bytes;
    this.header = header;
  }

  get data(): Uint8Array {
    if (this.whole !== undefined) return this.whole;
    const { width, height } = this;
    const space = freshWorkspace();
    return (this.whole = space.take(this.decode(space, { left: 0, top: 0, width, height }).at, width * height * 3));
  }

  /** @throws NotBaseline where the file is damaged */
  decode(space: Workspace, box: Box): Pixels {
    const { run } = space;
    const { components, start } = this.header;
    const [luma, chroma] = components;
    if (luma === undefined) throw new NotBaseline();
    const { across, down } = luma;
    const [unitWidth, unitHeight] = [8 * across, 8 * down];
    const [wide, high] = [Math.ceil(this.width / unitWidth), Math.ceil(this.height / unitHeight)];
    // Chroma is interpolated with its neighbours, so two pixels beside the box belong to it.
    const first = Math.max(0, Math.floor((box.left - 2) / unitWidth));
    const last = Math.min(wide - 1, Math.floor((box.left + box.width + 1) / unitWidth));
    const above = Math.max(0, Math.floor((box.top - 2) / unitHeight));
    const below = Math.min(high - 1, Math.floor((box.top + box.height + 1) / unitHeight));
    const length = this.bytes.length - start;
    const coded = space.put(this.bytes.subarray(start));
    const words = space.room(length + READ_AHEAD);
    const used = run.unstuff(coded, length, words);
    if (used < 0) throw new NotBaseline();
    const planes = this.layPlanes(space, wide, high);
    const records = space.put(Uint32Array.from(planes.flatMap(({ record }) => record)));
    const isWhole = run.decodeScan(words, used, records, planes.length, wide, high, first, above, last, below);
    if (!isWhole) throw new NotBaseline();

    const left = first * unitWidth;
    const width = Math.min(this.width, (last + 1) * unitWidth) - left;
    const to = space.room(width * box.height * 3);
    const [y, cb, cr] = planes;
    if (y === undefined) throw new NotBaseline();
    if (cb === undefined || cr === undefined || chroma === undefined)
      run.greysOf(y.at + left + box.top * y.stride, y.stride, width, box.height, to);
    else {
      const chromaLeft = left / across;
      const [chromaWidth, chromaHeight] = [Math.ceil(width / across), Math.ceil(this.height / down)];
      run.coloursOf(
        y.at + left, y.stride, width, box.top, box.height, cb.at + chromaLeft, cr.at + chromaLeft, cb.stride,
        chromaWidth, chromaHeight, across, down, space.room(4 * width + 160), to,
      );
    }
    return { at: to + (box.left - left) * 3, stride: width * 3 };
  }

  /** Room for each component's levels, and the record of it that wasm/jpeg.ts reads. */
  private layPlanes(space: Workspace, wide: number, high: number) {
    const tables = new Map<Uint8Array, number>();
    for (const counts of this.header.components.flatMap(({ dc, ac }) => [dc, ac])) {
      if (tables.has(counts)) continue;
      const table = space.room(TABLE_BYTES);
      if (!space.run.makeTable(space.put(counts), table)) throw new NotBaseline();
      tables.set(counts, table);
    }
    return this.header.components.map(({ across, down, quantisation, dc, ac }) => {
      const factors = new Uint16Array(QUANTISATION_ENTRIES);
      factors.set(quantisation);
      const stride = wide * across * 8;
      const at = space.room(stride * high * down * 8);
      const found = [tables.get(dc) ?? 0, tables.get(ac) ?? 0, space.put(factors)] as const;
      return { at, stride, record: [across, down, ...found, at, stride, 0] };
    });
  }
}

/**
 * The image of a baseline JPEG of grey or YCbCr, with full, halved or quartered chroma. Undefined for all others: progressive ones, with
 * restart markers, of other colours.
 */
export function openBaseline(bytes: Uint8Array): LazyJpeg | undefined {
  const header = bytes[0] === 0xff && bytes[1] === 0xd8 ? readHeader(bytes) : undefined;
  return header !== undefined && header.width * header.height <= MOST_PIXELS
    ? new LazyJpeg(bytes, header)
    : undefined;
}

/** What `use` makes of a baseline JPEG; undefined for other files and damaged ones, which are left to a decoder for all. */
export function withBaseline<T>(bytes: Uint8Array, use: (image: Image) => T): T | undefined {
  const image = openBaseline(bytes);
  try {
    return image === undefined ? undefined : use(image);
  } catch (error) {
    if (error instanceof NotBaseline) return undefined;
    throw error;
  }
}

/** An undamaged baseline JPEG with all its pixels, those of libjpeg-turbo. */
export function decodeBaseline(bytes: Uint8Array): Image | undefined {
  return withBaseline(bytes, ({ width, height, data }) => ({ width, height, data }));
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
  return latin1(bytes.subarray(0, text.length)) === text;
}
