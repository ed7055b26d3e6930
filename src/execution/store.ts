import type { Device } from '../device/device.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { elems } from '../ops/tensor.ts';
import type { Locate, Location } from './program.ts';

/** A member of a store: its name, shape, and the group (same learning rate and decay) it is stored with. */
export interface Member {
  readonly name: string;
  readonly shape: readonly number[];
  readonly group: string;
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
  for (const group of groups) {
    for (const member of members) {
      if (member.group !== group) continue;
      const count = elems(member.shape);
      const padded = Math.ceil(Math.max(count, 1) / ALIGN) * ALIGN;
      if (padded > limit) {
        throw new FrameworkError(
          'plan/too-large',
          `Parameter ${member.name} needs ${padded * 4} bytes, but one binding holds at most ${maxBytes}.`,
        );
      }
      if (chunks.length === 0 || (chunks.at(-1) as number) + padded > limit) chunks.push(0);
      const chunk = chunks.length - 1;
      const offset = chunks[chunk] as number;
      slices.set(member.name, { chunk, offset, elems: count });
      chunks[chunk] = offset + padded;
      const last = ranges.at(-1);
      if (last !== undefined && last.chunk === chunk && last.group === group) {
        ranges[ranges.length - 1] = { ...last, elems: last.elems + padded };
      } else ranges.push({ chunk, offset, elems: padded, group });
    }
  }
  return { members, chunks, slices, ranges };
}

/** One store of tensors on the device: the same layout, its own buffers. New stores hold zeros. */
export class FlatStore {
  readonly layout: FlatLayout;
  readonly buffers: readonly GPUBuffer[];
  private readonly device: Device;

  constructor(device: Device, name: string, layout: FlatLayout) {
    this.device = device;
    this.layout = layout;
    this.buffers = layout.chunks.map((count, i) => device.buffer(`${name} ${i}`, count * 4));
  }

  get bytes(): number {
    return this.buffers.reduce((sum, buffer) => sum + buffer.size, 0);
  }

  private slice(name: string): Slice {
    return defined(this.layout.slices.get(name), `parameter ${name}`);
  }

  /** @param member a member's name, or the number of a range */
  locate(member: string | number): Location | undefined {
    const { slices, ranges } = this.layout;
    const slice = typeof member === 'string' ? slices.get(member) : ranges[member];
    return slice && { buffer: this.chunk(slice), offset: slice.offset * 4 };
  }

  chunk(slice: Slice): GPUBuffer {
    return defined(this.buffers[slice.chunk], 'chunk');
  }

  write(name: string, data: Float32Array): void {
    const slice = this.slice(name);
    if (data.length !== slice.elems) {
      throw new FrameworkError('graph/storage', `${name} has ${slice.elems} elements, got ${data.length}.`);
    }
    this.device.gpu.queue.writeBuffer(
      this.chunk(slice),
      slice.offset * 4,
      data.buffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  /** All members' data. Waits for the queue. */
  async readAll(): Promise<Map<string, Float32Array>> {
    const chunks: Float32Array[] = [];
    for (const buffer of this.buffers) chunks.push(await this.device.readFloats(buffer));
    return new Map(
      this.layout.members.map(({ name }) => {
        const { chunk, offset, elems: count } = this.slice(name);
        return [name, defined(chunks[chunk], 'chunk').slice(offset, offset + count)];
      }),
    );
  }

  async read(name: string): Promise<Float32Array> {
    const slice = this.slice(name);
    return this.device.readFloats(this.chunk(slice), slice.offset * 4, slice.elems * 4);
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
