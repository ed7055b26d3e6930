import type { Device } from '../device/device.ts';
import type { Plan } from './plan.ts';
import type { Program } from './program.ts';

/** Timestamps of one set; WebGPU allows 4096. */
const SET = 4096;

/**
 * Times the nodes of a program on the device while it runs for its own sake: each node gets a pass of its own between two timestamps. The
 * dispatches and their order stay the same, and so do the results.
 */
export class NodeTimer {
  private readonly device: Device;
  private readonly program: Program;
  private readonly nodes: readonly { readonly from: number; readonly to: number }[];
  private readonly sets: readonly GPUQuerySet[];
  private readonly stamps: GPUBuffer;

  /** Ask `isPossible` first. */
  constructor(device: Device, program: Program, { steps }: Plan) {
    this.device = device;
    this.program = program;
    let at = 0;
    this.nodes = steps.map(({ dispatches }) => ({ from: at, to: (at += dispatches.length) }));
    const count = 2 * steps.length;
    this.sets = Array.from({ length: Math.ceil(count / SET) }, (_, i) =>
      device.gpu.createQuerySet({ type: 'timestamp', count: Math.min(SET, count - i * SET) }),
    );
    this.stamps = device.gpu.createBuffer({
      label: 'timestamps',
      size: this.sets.length * SET * 8,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  static isPossible(device: Device): boolean {
    return device.features.has('timestamp-query');
  }

  /** Encodes and submits the whole program once: with its first stretch, where it is run in stretches. */
  run(from = 0): void {
    if (from > 0) return;
    const encoder = this.device.gpu.createCommandEncoder();
    this.encode(encoder);
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  encode(encoder: GPUCommandEncoder): void {
    this.nodes.forEach(({ from, to }, i) => {
      const querySet = this.sets[Math.floor((2 * i) / SET)] as GPUQuerySet;
      const first = (2 * i) % SET;
      const timestampWrites = {
        querySet,
        beginningOfPassWriteIndex: first,
        endOfPassWriteIndex: first + 1,
      };
      this.program.encode(encoder, from, to, timestampWrites);
    });
    this.sets.forEach((set, i) => {
      encoder.resolveQuerySet(set, 0, set.count, this.stamps, i * SET * 8);
    });
  }

  /** Milliseconds of each node in the latest run. */
  async read(): Promise<Float64Array> {
    const stamps = new BigUint64Array(await this.device.read(this.stamps));
    return Float64Array.from(this.nodes, (_, i) => {
      const ns = (stamps[2 * i + 1] as bigint) - (stamps[2 * i] as bigint);
      // A clock that was set back tells nothing.
      return ns > 0n ? Number(ns) / 1e6 : 0;
    });
  }

  destroy(): void {
    for (const set of this.sets) set.destroy();
    this.stamps.destroy();
  }
}
