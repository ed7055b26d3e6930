import type { Device } from '../device/device.ts';
import { type Pipeline, type PipelineCache, bindGroup } from '../shader/pipelines.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import type { Tensor } from '../graph/graph.ts';
import { bytesOf, elems } from '../ops/tensor.ts';
import type { Place, Plan } from './plan.ts';
import { Staging } from './staging.ts';

/** A range of a buffer. Offset in bytes, a multiple of 256. */
export interface Location {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** Locates the memory of parameters, state and gradients. */
export type Locate = (tensor: Tensor) => Location | undefined;

/** Inputs of at least so many bytes are written through memory that stays mapped. */
const LARGE = 2 ** 20;

/** Dispatches of one submission. */
const PIECE = 64;

interface Input {
  readonly buffer: GPUBuffer;
  readonly tensor: Tensor;
  readonly staging: Staging | undefined;
}

interface Command {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly grid: readonly [number, number, number];
  readonly label: string;
}

/**
 * A plan with its memory, pipelines and bind groups, ready to replay. After `build` nothing is allocated, compiled or
 * bound; `encode` only records dispatches.
 */
export class Program {
  private readonly device: Device;
  private readonly plan: Plan;
  private readonly pool: readonly GPUBuffer[];
  private readonly inputs: ReadonlyMap<string, Input>;
  private commands: readonly Command[] = [];

  private constructor(
    device: Device,
    plan: Plan,
    pool: readonly GPUBuffer[],
    inputs: ReadonlyMap<string, Input>,
    ownBytes: number,
  ) {
    this.ownBytes = ownBytes;
    this.device = device;
    this.plan = plan;
    this.pool = pool;
    this.inputs = inputs;
  }

  /**
   * Allocates, compiles (in parallel) and binds.
   * @param label names the program in errors
   * @param lender a program that never runs between a run of this one and the reading of its results, so that this one
   *   can reuse its pool where buffers are large enough
   */
  static async build(
    device: Device,
    pipelines: PipelineCache,
    plan: Plan,
    locate: Locate,
    label: string,
    lender?: Program,
  ): Promise<Program> {
    const compiled = await compile(pipelines, plan);
    return device.guard(label, () => {
      let ownBytes = 0;
      const own = (name: string, bytes: number) => {
        const buffer = device.buffer(`${label} ${name}`, bytes);
        ownBytes += buffer.size;
        return buffer;
      };
      const lent = borrow(plan.buffers, lender?.pool ?? []);
      const pool = plan.buffers.map((bytes, i) => lent[i] ?? own(`pool ${i}`, bytes));
      const inputs = new Map(
        plan.inputs.map((tensor) => {
          const buffer = own(`input ${tensor.name}`, bytesOf(tensor.spec));
          const staging = buffer.size >= LARGE ? new Staging(device, buffer) : undefined;
          return [tensor.name, { tensor, buffer, staging }];
        }),
      );
      const program = new Program(device, plan, pool, inputs, ownBytes);
      program.commands = program.bind(compiled, locate);
      return program;
    });
  }

  /** The same program with other parameters, sharing pool and inputs; used to evaluate averaged weights. */
  async rebound(pipelines: PipelineCache, locate: Locate, label: string): Promise<Program> {
    const compiled = await compile(pipelines, this.plan);
    return this.device.guard(label, () => {
      const program = new Program(this.device, this.plan, this.pool, this.inputs, 0);
      program.commands = program.bind(compiled, locate);
      return program;
    });
  }

  private bind(compiled: readonly Pipeline[], locate: Locate): Command[] {
    let next = 0;
    return this.plan.steps.flatMap((step) =>
      step.dispatches.map(({ dispatch, places }) => {
        const pipeline = defined(compiled[next++], 'pipeline');
        const label = `${step.node.scope}:${step.node.op.name} ${dispatch.shader}`;
        const resources = Object.fromEntries(
          Object.entries(places).map(([name, place]) => [name, this.resource(place, locate, label)]),
        );
        const group = bindGroup(this.device.gpu, pipeline, label, resources);
        return { pipeline: pipeline.gpu, group, grid: dispatch.grid, label };
      }),
    );
  }

  private resource(place: Place, locate: Locate, label: string): GPUBufferBinding {
    const size = Math.max(4, Math.ceil(place.bytes / 4) * 4);
    if (place.kind === 'pool')
      return {
        buffer: defined(this.pool[place.buffer], `pool buffer of ${label}`),
        offset: place.offset,
        size,
      };
    const input = place.tensor.kind === 'input' ? this.inputs.get(place.tensor.name)?.buffer : undefined;
    if (input !== undefined) return { buffer: input, size };
    const found = locate(place.tensor);
    if (found === undefined)
      throw new FrameworkError(
        'graph/storage',
        `${label}: no memory for ${place.tensor.kind} ${place.tensor.name}.`,
      );
    return { buffer: found.buffer, offset: found.offset, size };
  }

  /** Bytes allocated for this program: inputs, and pool buffers that are not borrowed from the lender. */
  readonly ownBytes: number;

  get dispatches(): number {
    return this.commands.length;
  }

  has(input: string): boolean {
    return this.inputs.has(input);
  }

  /** Fills an input before the next submission. Data must have exactly the input's number of elements. */
  write(name: string, data: Float32Array | Uint32Array): void {
    const input = this.inputs.get(name);
    if (input === undefined)
      throw new FrameworkError(
        'graph/input',
        `This program has no input ${name}; it has ${[...this.inputs.keys()].join(', ')}.`,
      );
    if (data.length !== elems(input.tensor.spec.shape)) {
      throw new FrameworkError(
        'graph/input',
        `Input ${name} takes ${elems(input.tensor.spec.shape)} elements, got ${data.length}.`,
      );
    }
    if (input.staging !== undefined) input.staging.write(data);
    else this.device.gpu.queue.writeBuffer(input.buffer, 0, data.buffer, data.byteOffset, data.byteLength);
  }

  /** Fills the start of an input, such as the first images of a batch; the rest becomes zeros. */
  writePadded(name: string, data: Float32Array): void {
    const spec = this.inputs.get(name)?.tensor.spec;
    if (spec === undefined || data.length >= elems(spec.shape)) {
      this.write(name, data);
      return;
    }
    const whole = new Float32Array(elems(spec.shape));
    whole.set(data);
    this.write(name, whole);
  }

  /** Records all dispatches into one compute pass, or those from `from` to before `to`. */
  encode(
    encoder: GPUCommandEncoder,
    from = 0,
    to = this.commands.length,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): void {
    const pass = encoder.beginComputePass(timestampWrites && { timestampWrites });
    for (let i = from; i < to; i++) {
      const { pipeline, group, grid } = this.commands[i] as Command;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...grid);
    }
    pass.end();
  }

  /** Encodes and submits all dispatches, or those from `from` to before `to`, in pieces, so that the device computes while the rest is recorded. */
  run(from = 0, to = this.commands.length): void {
    const { gpu } = this.device;
    for (let at = from; at < to; at += PIECE) {
      const encoder = gpu.createCommandEncoder();
      this.encode(encoder, at, Math.min(at + PIECE, to));
      gpu.queue.submit([encoder.finish()]);
    }
  }

  /** Where a kept value or an input lies. */
  locate(tensor: Tensor): Location {
    if (tensor.kind === 'input')
      return { buffer: defined(this.inputs.get(tensor.name), `input ${tensor.name}`).buffer, offset: 0 };
    const place = this.plan.placement.get(tensor.id);
    if (place === undefined)
      throw new FrameworkError('graph/read', `${tensor.name} is not computed by this program.`);
    return { buffer: defined(this.pool[place.buffer], 'pool buffer'), offset: place.offset };
  }

  /** Reads a kept value after the work submitted so far. */
  async read(tensor: Tensor): Promise<Float32Array> {
    const { buffer, offset } = this.locate(tensor);
    return this.device.readFloats(buffer, offset, bytesOf(tensor.spec));
  }

  destroy(): void {
    for (const buffer of this.pool) buffer.destroy();
    for (const { buffer, staging } of this.inputs.values()) {
      staging?.destroy();
      buffer.destroy();
    }
  }
}

function compile(pipelines: PipelineCache, plan: Plan): Promise<Pipeline[]> {
  return Promise.all(
    plan.steps.flatMap((step) =>
      step.dispatches.map(({ dispatch }) =>
        pipelines.get(dispatch.shader, dispatch.params, dispatch.bindings),
      ),
    ),
  );
}

/** For each size, the smallest buffer of `pool` that holds it and is not taken yet, or undefined. */
export function borrow<B extends { readonly size: number }>(
  sizes: readonly number[],
  pool: readonly B[],
): (B | undefined)[] {
  const free = [...pool].sort((a, b) => a.size - b.size);
  const order = sizes.map((bytes, i) => [bytes, i] as const).sort((a, b) => b[0] - a[0]);
  const result = new Array<B | undefined>(sizes.length).fill(undefined);
  for (const [bytes, i] of order) {
    const at = free.findIndex((buffer) => buffer.size >= bytes);
    if (at >= 0) [result[i]] = free.splice(at, 1);
  }
  return result;
}
