import type { Device } from '../device/device.ts';
import { type PipelineCache, bindGroup } from '../shader/pipelines.ts';
import { floatToHalf, toFloat32 } from '../formats/dtype.ts';
import { defined } from '../util/errors.ts';
import {
  type Kernels,
  type LowerContext,
  type BoundLowering,
  type Slot,
  type Variant,
  lowerOp,
} from '../ops/kernels.ts';
import { type TensorSpec, bytesOf } from '../ops/tensor.ts';

interface Specs {
  readonly input: readonly TensorSpec[];
  readonly output: readonly TensorSpec[];
}

/** One op applied to host data: for tests, `doctor` and benchmarks. Training uses src/execution/program.ts. */
export class OpRun {
  readonly device: Device;
  readonly lowering: BoundLowering;
  private readonly specs: Specs;
  readonly inputs: GPUBuffer[];
  readonly outputs: GPUBuffer[];
  private readonly scratch: GPUBuffer[];
  private readonly steps: {
    pipeline: GPUComputePipeline;
    group: GPUBindGroup;
    grid: readonly [number, number, number];
  }[];

  private constructor(
    device: Device,
    specs: Specs,
    lowering: BoundLowering,
    inputs: GPUBuffer[],
    outputs: GPUBuffer[],
  ) {
    this.device = device;
    this.specs = specs;
    this.lowering = lowering;
    this.inputs = inputs;
    this.outputs = outputs;
    this.scratch = lowering.scratch.map((spec, i) => device.buffer(`scratch ${i}`, bytesOf(spec)));
    this.steps = [];
  }

  /** Allocates buffers (outputs with `guardBytes` to spare at the end), compiles and binds. */
  static async make<A>(
    device: Device,
    pipelines: PipelineCache,
    kernels: Kernels<A>,
    context: LowerContext<A>,
    variant: Variant,
    guardBytes = 0,
  ): Promise<OpRun> {
    const { op } = kernels;
    const lowering = lowerOp(kernels, context, variant);
    const allocate = (name: string, guard: number) => (spec: TensorSpec, i: number) =>
      device.buffer(`${op.name} ${name} ${i}`, bytesOf(spec) + guard);
    const specs = { input: context.inputs, output: context.outputs, scratch: lowering.scratch };
    const run = new OpRun(
      device,
      specs,
      lowering,
      context.inputs.map(allocate('input', 0)),
      context.outputs.map(allocate('output', guardBytes)),
    );
    for (const dispatch of lowering.dispatches) {
      const { shader, params, bindings, grid } = dispatch;
      const pipeline = await pipelines.get(shader, params, bindings);
      const resources = Object.fromEntries(
        Object.entries(bindings).map(([name, slot]) => [name, run.resource(slot, shader)]),
      );
      const label = `${op.name}: ${shader}`;
      const group = await device.guard(label, () => bindGroup(device.gpu, pipeline, label, resources));
      run.steps.push({ pipeline: pipeline.gpu, group, grid });
    }
    return run;
  }

  private resource(slot: Slot, shader: string): GPUBufferBinding {
    const specs = { ...this.specs, scratch: this.lowering.scratch };
    const spec = defined(specs[slot.kind][slot.index], `${shader} ${slot.kind} ${slot.index}`);
    return { buffer: this.bufferOf(slot), size: Math.max(4, Math.ceil(bytesOf(spec) / 4) * 4) };
  }

  private bufferOf(slot: Slot): GPUBuffer {
    const family = slot.kind === 'input' ? this.inputs : slot.kind === 'output' ? this.outputs : this.scratch;
    return defined(family[slot.index], `${slot.kind} ${slot.index}`);
  }

  /** Fills an input, in the width it is stored in. */
  write(index: number, values: Float32Array): void {
    const isHalf = this.specs.input[index]?.dtype === 'f16';
    const data = isHalf ? Uint16Array.from(values, floatToHalf) : values;
    const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.device.gpu.queue.writeBuffer(defined(this.inputs[index], `input ${index}`), 0, bytes);
  }

  /** What an input or output holds after the work submitted so far. */
  async read(kind: 'input' | 'output', index: number): Promise<Float32Array> {
    const spec = defined(this.specs[kind][index], `${kind} ${index}`);
    const bytes = await this.device.read(this.bufferOf({ kind, index }), 0, Math.ceil(bytesOf(spec) / 4) * 4);
    return toFloat32(spec.dtype === 'f16' ? 'F16' : 'F32', new Uint8Array(bytes, 0, bytesOf(spec)));
  }

  /** Encodes the dispatches `repeats` times and submits them. */
  submit(repeats = 1): void {
    const encoder = this.device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let r = 0; r < repeats; r++) {
      for (const { pipeline, group, grid } of this.steps) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...grid);
      }
    }
    pass.end();
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const buffer of [...this.inputs, ...this.outputs, ...this.scratch]) buffer.destroy();
  }
}
