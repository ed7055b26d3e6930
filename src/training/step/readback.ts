import type { Device } from '../../device/device.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import type { Location } from '../../execution/program.ts';

/** A small buffer that device results are copied into and then mapped. */
export interface Slot {
  copy(encoder: GPUCommandEncoder, from: Location, at: number, bytes: number): void;
}

interface RingSlot extends Slot {
  readonly buffer: GPUBuffer;
  busy: boolean;
}

const SLOTS = 8;

/** Brings small results of each step back without waiting for the queue: slots are mapped while later steps run. */
export class ReadbackRing {
  private readonly slots: readonly RingSlot[];
  private readonly device: Device;
  private next = 0;

  constructor(device: Device, bytes: number) {
    this.device = device;
    this.slots = Array.from({ length: SLOTS }, (_, i) => {
      const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
      const buffer = device.gpu.createBuffer({
        label: `readback ${i}`,
        size: Math.ceil(bytes / 16) * 16,
        usage,
      });
      const copy = (encoder: GPUCommandEncoder, from: Location, at: number, count: number) => {
        encoder.copyBufferToBuffer(from.buffer, from.offset, buffer, at, count);
      };
      return { buffer, busy: false, copy };
    });
  }

  /** Results that may be outstanding before the oldest must have been awaited. */
  get depth(): number {
    return SLOTS - 1;
  }

  get bytes(): number {
    return this.slots.reduce((sum, slot) => sum + slot.buffer.size, 0);
  }

  /** The slot that collects the current step's results. */
  current(): Slot {
    const slot = defined(this.slots[this.next], 'slot');
    if (slot.busy)
      throw new FrameworkError(
        'internal/readback',
        `internal: more than ${this.depth} results are outstanding`,
      );
    return slot;
  }

  /** Maps the current slot; the next one becomes current. */
  async read(slot: Slot): Promise<Float32Array> {
    const mine = defined(this.slots[this.next], 'slot');
    if (slot !== mine) throw new FrameworkError('internal/readback', 'internal: slots are read in order');
    this.next = (this.next + 1) % SLOTS;
    mine.busy = true;
    await this.device.wait(mine.buffer.mapAsync(GPUMapMode.READ));
    const values = new Float32Array(mine.buffer.getMappedRange().slice(0));
    mine.buffer.unmap();
    mine.busy = false;
    return values;
  }
}
