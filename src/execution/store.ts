import type { Device } from '../device/device.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { elems, partNames } from '../ops/tensor.ts';
import type { Locate, Location } from './program.ts';

/** A member of a store: its name, shape, and the group (same learning rate and decay) it is stored with. */
export interface Member {
  readonly name: string;
  readonly shape: readonly number[];
  readonly group: string;
  /** Pieces, equal along the first dimension, that lie apart: of one that no single binding may hold. Default 1. */
  readonly parts?: number | undefined;
}

/** Where a member lives in a store: elements `offset` … of chunk `chunk`. */
export interface Slice {
  readonly chunk: number;
  readonly offset: number;
  readonly elems: number;
}

/** A run of whole members of one group inside one chunk. An optimiser kernel works on one range. */
export interface Range extends Slice {
  readonly group: string;
}

/** How the members of a store lie in flat buffers. Parameters, gradients, moments and averages share one layout. */
export interface FlatLayout {
  readonly members: readonly Member[];
  /** Elements of each chunk. */
  readonly chunks: readonly number[];
  readonly slices: ReadonlyMap<string, Slice>;
  readonly ranges: readonly Range[];
}

const ALIGN = 64; // elements: WebGPU wants binding offsets in multiples of 256 bytes

/** Elements from the beginning of a member to that of the next. */
export function paddedElems(elems: number): number {
  return Math.ceil(Math.max(elems, 1) / ALIGN) * ALIGN;
}

/**
 * Packs members into chunks of at most `maxBytes`, groups contiguous, in the order given within a group. Gaps are never
 * longer than 63 elements and hold zeros in every store.
 */
export function layoutFlat(members: readonly Member[], maxBytes: number): FlatLayout {
  const limit = Math.floor(maxBytes / 4 / ALIGN) * ALIGN;
  const groups = [...new Set(members.map((member) => member.group))];
  const chunks: number[] = [];
  const slices = new Map<string, Slice>();
  const ranges: Range[] = [];
  const place = (name: string, count: number, group: string) => {
    const padded = paddedElems(count);
    if (padded > limit) {
      throw new FrameworkError(
        'plan/too-large',
        `Parameter ${name} needs ${padded * 4} bytes, but one binding holds at most ${maxBytes}.`,
      );
    }
    if (chunks.length === 0 || (chunks.at(-1) as number) + padded > limit) chunks.push(0);
    const chunk = chunks.length - 1;
    const offset = chunks[chunk] as number;
    slices.set(name, { chunk, offset, elems: count });
    chunks[chunk] = offset + padded;
    const last = ranges.at(-1);
    if (last !== undefined && last.chunk === chunk && last.group === group) {
      ranges[ranges.length - 1] = { ...last, elems: last.elems + padded };
    } else ranges.push({ chunk, offset, elems: padded, group });
  };
  for (const group of groups) {
    for (const { name, shape, parts = 1, group: own } of members) {
      if (own !== group) continue;
      for (const part of partNames(name, parts)) place(part, elems(shape) / parts, group);
    }
  }
  return { members, chunks, slices, ranges };
}

/** A copy of all pieces, one after the other. */
function joined(pieces: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** One store of tensors on the device: the same layout, its own buffers. New stores hold zeros. */
export class FlatStore {
  readonly layout: FlatLayout;
  readonly buffers: readonly GPUBuffer[];
  private readonly device: Device;
  private readonly members: ReadonlyMap<string, Member>;

  constructor(device: Device, name: string, layout: FlatLayout) {
    this.device = device;
    this.layout = layout;
    this.members = new Map(layout.members.map((member) => [member.name, member]));
    this.buffers = layout.chunks.map((count, i) => device.buffer(`${name} ${i}`, count * 4));
  }

  get bytes(): number {
    return this.buffers.reduce((sum, buffer) => sum + buffer.size, 0);
  }

  has(name: string): boolean {
    return this.members.has(name);
  }

  /** Where the pieces of a member lie, in their order. */
  private slicesOf(name: string): readonly Slice[] {
    const { parts } = defined(this.members.get(name), `parameter ${name}`);
    return partNames(name, parts).map((part) => defined(this.layout.slices.get(part), part));
  }

  /** @param member the name of a member or of a piece of one, or the number of a range */
  locate(member: string | number): Location | undefined {
    const { slices, ranges } = this.layout;
    const slice = typeof member === 'string' ? slices.get(member) : ranges[member];
    return slice && { buffer: this.chunk(slice), offset: slice.offset * 4 };
  }

  chunk(slice: Slice): GPUBuffer {
    return defined(this.buffers[slice.chunk], 'chunk');
  }

  write(name: string, data: Float32Array): void {
    const slices = this.slicesOf(name);
    const total = slices.reduce((sum, slice) => sum + slice.elems, 0);
    if (data.length !== total) {
      throw new FrameworkError('graph/storage', `${name} has ${total} elements, got ${data.length}.`);
    }
    let at = data.byteOffset;
    for (const slice of slices) {
      const bytes = slice.elems * 4;
      this.device.gpu.queue.writeBuffer(this.chunk(slice), slice.offset * 4, data.buffer, at, bytes);
      at += bytes;
    }
  }

  /** All members' data. Waits for the queue. */
  async readAll(): Promise<Map<string, Float32Array>> {
    const chunks: Float32Array[] = [];
    for (const buffer of this.buffers) chunks.push(await this.device.readFloats(buffer));
    return new Map(
      this.layout.members.map(({ name }) => {
        const pieces = this.slicesOf(name).map(({ chunk, offset, elems: count }) =>
          defined(chunks[chunk], 'chunk').subarray(offset, offset + count),
        );
        return [name, joined(pieces)];
      }),
    );
  }

  async read(name: string): Promise<Float32Array> {
    const pieces: Float32Array[] = [];
    for (const slice of this.slicesOf(name))
      pieces.push(await this.device.readFloats(this.chunk(slice), slice.offset * 4, slice.elems * 4));
    return joined(pieces);
  }

  /** Copies another store of the same layout. */
  copyFrom(other: FlatStore): void {
    const encoder = this.device.gpu.createCommandEncoder();
    other.buffers.forEach((buffer, i) => {
      encoder.copyBufferToBuffer(buffer, 0, defined(this.buffers[i], 'chunk'), 0, buffer.size);
    });
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const buffer of this.buffers) buffer.destroy();
  }
}

/** Resolves where tensors say they are stored, among stores by name. */
export function locateIn(stores: Readonly<Record<string, FlatStore | undefined>>): Locate {
  return ({ stored }) => stored && stores[stored.store]?.locate(stored.member);
}
