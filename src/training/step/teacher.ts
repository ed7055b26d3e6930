import type { Device } from '../../device/device.ts';
import { checkFinite } from '../../models/inference.ts';
import { ModelWeights } from '../../models/weights.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { Program, type Location } from '../../execution/program.ts';
import { bytesOf, elems } from '../../ops/tensor.ts';
import type { TeacherPlan } from './training-plan.ts';

/**
 * A model that never changes and whose logits a student learns: its forward pass in evaluation mode, encoded before the student's into the same
 * submission. Images and logits are copied on the device, so nothing waits for the host.
 */
export class Teacher {
  private readonly plan: TeacherPlan;
  private readonly weights: ModelWeights;
  private readonly program: Program;

  private constructor(plan: TeacherPlan, weights: ModelWeights, program: Program) {
    this.plan = plan;
    this.weights = weights;
    this.program = program;
  }

  /** @param step the student's program, whose memory the teacher uses before it */
  static async create(
    device: Device,
    pipelines: PipelineCache,
    plan: TeacherPlan,
    step: Program,
    values: ReadonlyMap<string, Float32Array>,
  ): Promise<Teacher> {
    const weights = await ModelWeights.upload(device, plan.model, values);
    const program = await Program.build(device, pipelines, plan.plan, weights.locate, 'teacher', step);
    return new Teacher(plan, weights, program);
  }

  /** @param x the student's images @param to where its graph reads the teacher's logits */
  encode(encoder: GPUCommandEncoder, x: Location, to: Location): void {
    const { graph } = this.plan;
    const copy = (source: Location, target: Location, bytes: number) => {
      encoder.copyBufferToBuffer(source.buffer, source.offset, target.buffer, target.offset, bytes);
    };
    copy(x, this.program.locate(graph.x), bytesOf(graph.x.spec));
    this.program.encode(encoder);
    copy(this.program.locate(graph.logits), to, bytesOf(graph.logits.spec));
  }

  /** Runs it on the first images of x. @throws FrameworkError `checkpoint/non-finite` */
  async check(x: Float32Array): Promise<void> {
    const { graph, model } = this.plan;
    this.program.writePadded('x', x.subarray(0, elems(graph.x.spec.shape)));
    this.program.run();
    checkFinite(await this.program.read(graph.logits), model.config.classes, `the teacher ${model.name}`);
  }

  /** Bytes of device memory. */
  get bytes(): number {
    return this.weights.bytes + this.program.ownBytes;
  }
}
