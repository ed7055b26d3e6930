import type { Device } from '../device/device.ts';
import { type PipelineCache, bindGroup } from '../shader/pipelines.ts';
import { floatToHalf, toFloat32 } from '../formats/dtype.ts';
import { defined } from '../util/errors.ts';
import {
  type AnyKernels,
  type LowerContext,
  type Lowering,
  type Slot,
  type Variant,
  lowerOp,
} from '../ops/kernels.ts';
import { type AnyOp, inOrder, mapNamed } from '../ops/op.ts';
import { type TensorSpec, bytesOf } from '../ops/tensor.ts';

interface Command {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly grid: readonly [number, number, number];
}

/** One op applied to host data: for tests, `doctor` and benchmarks. Training uses src/execution/program.ts. */
export class OpRun {
  private readonly device: Device;
  private readonly op: AnyOp;
  /** Specs of inputs and outputs, by name. */
  private readonly specs: Readonly<Record<string, TensorSpec>>;
  private readonly buffers: ReadonlyMap<string, GPUBuffer>;
  private readonly scratch: ReadonlyMap<Slot, GPUBuffer>;
  private readonly commands: Command[] = [];

  private constructor(
    device: Device,
    op: AnyOp,
    { inputs, outputs }: LowerContext<unknown>,
    lowering: Lowering,
    guardBytes: number,
  ) {
    this.device = device;
    this.op = op;
    const [given, made] = [inOrder<TensorSpec>(op.inputs, inputs), inOrder<TensorSpec>(op.outputs, outputs)];
    this.specs = { ...given, ...made };
    this.buffers = new Map(
      Object.entries(this.specs).map(([name, spec]) => {
        const guard = made[name] === undefined ? 0 : guardBytes;
        return [name, device.buffer(`${op.name} ${name}`, bytesOf(spec) + guard)];
      }),
    );
    this.scratch = new Map(
      lowering.scratch.map((slot, i) => [slot, device.buffer(`scratch ${i}`, bytesOf(slot.spec))]),
    );
  }

  /** Allocates buffers (outputs with `guardBytes` to spare at the end), compiles and binds. */
  static async make(
    device: Device,
    pipelines: PipelineCache,
    kernels: AnyKernels,
    context: LowerContext<unknown>,
    variant: Variant,
    guardBytes = 0,
  ): Promise<OpRun> {
    const { op } = kernels;
    const lowering = lowerOp(kernels, context, variant);
    const run = new OpRun(device, op, context, lowering, guardBytes);
    for (const { shader, params, bindings, grid } of lowering.dispatches) {
      const pipeline = await pipelines.get(shader, params, bindings);
      const resources = mapNamed(bindings, ({ slot }) => run.resource(slot));
      const label = `${op.name}: ${shader}`;
      const group = await device.guard(label, () => bindGroup(device.gpu, pipeline, label, resources));
      run.commands.push({ pipeline: pipeline.gpu, group, grid });
    }
    return run;
  }

  private resource(slot: Slot): GPUBufferBinding {
    const isScratch = slot.kind === 'scratch';
    const buffer = isScratch ? defined(this.scratch.get(slot), 'scratch') : this.buffer(slot.name);
    const spec = isScratch ? slot.spec : this.specOf(slot.name);
    return { buffer, size: Math.max(4, Math.ceil(bytesOf(spec) / 4) * 4) };
  }

  private specOf(name: string): TensorSpec {
    return defined(this.specs[name], `${name} of ${this.op.name}`);
  }

  /** The buffer of an input or output. */
  buffer(name: string): GPUBuffer {
    return defined(this.buffers.get(name), `${name} of ${this.op.name}`);
  }

  /** Fills an input, in the width it is stored in. */
  write(name: string, values: Float32Array): void {
    const isHalf = this.specOf(name).dtype === 'f16';
    const data = isHalf ? Uint16Array.from(values, floatToHalf) : values;
    const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.device.gpu.queue.writeBuffer(this.buffer(name), 0, bytes);
  }

  /** The contents of an input or output after the work submitted so far. */
  async read(name: string): Promise<Float32Array> {
    const spec = this.specOf(name);
    const bytes = await this.device.read(this.buffer(name), 0, Math.ceil(bytesOf(spec) / 4) * 4);
    return toFloat32(spec.dtype === 'f16' ? 'F16' : 'F32', new Uint8Array(bytes, 0, bytesOf(spec)));
  }

  /** Encodes the dispatches `repeats` times and submits them. */
  submit(repeats = 1): void {
    const encoder = this.device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let r = 0; r < repeats; r++) {
      for (const { pipeline, group, grid } of this.commands) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...grid);
      }
    }
    pass.end();
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const buffer of [...this.buffers.values(), ...this.scratch.values()]) buffer.destroy();
  }
}
