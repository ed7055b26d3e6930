import type { Device } from '../../device/device.ts';
import type { DeviceProfile } from '../../device/profile.ts';
import { type ChooseVariant, type Plan, planNodes } from '../../execution/plan.ts';
import { Program, type Locate, type Location } from '../../execution/program.ts';
import { differentiate } from '../../graph/autodiff.ts';
import { Graph, type Tensor } from '../../graph/graph.ts';
import { optimise } from '../../graph/passes.ts';
import type { Model } from '../../models/model.ts';
import { adversarialStart, adversarialStep } from '../../ops/adversarial/op.ts';
import { BOX } from '../../ops/adversarial/reference.ts';
import { cast } from '../../ops/cast/op.ts';
import { softCrossEntropy } from '../../ops/cross-entropy/op.ts';
import { scaleLoss } from '../../ops/loss-scale/op.ts';
import { bytesOf, f32 } from '../../ops/tensor.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { FrameworkError } from '../../util/errors.ts';
import { streamKey } from '../../util/rng.ts';
import { lossScaler, type Precision, type StepShape } from './step-graph.ts';

/** How training images become adversarial ones. */
export interface AdversarialSettings {
  /** Passes forward and backward to the image. */
  readonly steps: number;
  readonly randomStart: boolean;
  /** (4, channels), in normalised pixels: step, ε, and the ends of the range. */
  readonly box: Float32Array;
}

interface Recorded {
  readonly plan: Plan;
  readonly clean: Tensor;
  /** The image that comes out. */
  readonly made: Tensor;
}

export interface AdversaryPlan {
  readonly settings: AdversarialSettings;
  readonly start: Recorded | undefined;
  readonly pass: Recorded & { readonly x: Tensor };
}

interface AdversaryOptions {
  readonly profile: DeviceProfile;
  readonly choose?: ChooseVariant;
}

/**
 * Plans what is done to each micro-batch: a random start, and a pass that is replayed. The model is in evaluation mode: BatchNorm takes its
 * running statistics and leaves them alone, and no path is dropped. No weight gradient is computed.
 */
export function planAdversary(
  model: Model,
  shape: StepShape,
  precision: Precision,
  settings: AdversarialSettings,
  options: AdversaryOptions,
): AdversaryPlan {
  const pass = recordPass(model, shape, precision);
  return {
    settings,
    start: settings.randomStart ? recordStart(shape, options) : undefined,
    pass: { ...pass, plan: planNodes(pass.nodes, { ...options, kept: [pass.made] }) },
  };
}

function imagesOf(graph: Graph, name: string, { micro, channels, imageSize }: StepShape): Tensor {
  return graph.input(name, f32(micro, channels, imageSize, imageSize));
}

function recordStart(shape: StepShape, options: AdversaryOptions): Recorded {
  const graph = new Graph();
  const clean = imagesOf(graph, 'clean', shape);
  const keys = graph.input('keys', f32(4 * shape.micro));
  const box = graph.input('box', f32(BOX.length * shape.channels));
  const made = graph.one(adversarialStart, { clean, keys, box }, {});
  return { clean, made, plan: planNodes(graph.nodes, { ...options, kept: [made] }) };
}

/** One step: forward, the loss that is trained on without a teacher, backward to the image, and the step itself. */
function recordPass(model: Model, shape: StepShape, precision: Precision) {
  const isHalf = precision === 'f16';
  const graph = new Graph();
  const x = imagesOf(graph, 'x', shape);
  const stored = isHalf ? graph.one(cast, { x }, { to: 'f16' }) : x;
  const { logits: last } = model.build(graph, { x: stored, training: false });
  const logits = isHalf ? graph.one(cast, { x: last }, { to: 'f32' }) : last;
  const targets = graph.input('targets', logits.spec);
  const loss = graph.one(softCrossEntropy, { logits, targets }, {});
  const one = graph.input('loss-weight', f32(shape.micro));
  const seed = isHalf ? graph.one(scaleLoss, { x: one, scaler: lossScaler(graph) }, {}) : one;
  const [dx] = differentiate(graph, loss, seed, { parameters: false, tensors: [x] }).tensors;
  if (dx === undefined)
    throw new FrameworkError('graph/no-gradient', `The logits of ${model.name} do not depend on the image.`);
  const clean = imagesOf(graph, 'clean', shape);
  const box = graph.input('box', f32(BOX.length * shape.channels));
  const made = graph.one(adversarialStep, { x, dx, clean, box }, {});
  return { nodes: optimise(graph.nodes, { kept: new Set([made.id]), graph }), x, clean, made };
}

/** Makes a micro-batch adversarial on the device, before the training step that reads it. */
export class Adversary {
  private readonly device: Device;
  private readonly plan: AdversaryPlan;
  private readonly start: Program | undefined;
  private readonly pass: Program;

  private constructor(device: Device, plan: AdversaryPlan, start: Program | undefined, pass: Program) {
    this.device = device;
    this.plan = plan;
    this.start = start;
    this.pass = pass;
    pass.write('box', plan.settings.box);
    start?.write('box', plan.settings.box);
  }

  /** @param locate the memory of the weights that are trained @param step the program that runs afterwards and lends its memory */
  static async create(
    device: Device,
    pipelines: PipelineCache,
    plan: AdversaryPlan,
    locate: Locate,
    step: Program,
  ): Promise<Adversary> {
    const build = (of: Plan, label: string) => Program.build(device, pipelines, of, locate, label, step);
    const start = plan.start && (await build(plan.start.plan, 'adversarial start'));
    const pass = await build(plan.pass.plan, 'adversarial step');
    pass.write('loss-weight', new Float32Array(plan.pass.x.spec.shape[0] ?? 0).fill(1));
    return new Adversary(device, plan, start, pass);
  }

  /**
   * @param x clean images of a micro-batch @param targets their probabilities
   * @param seed of the run @param first number of the first image in the run: its start depends on nothing else
   * @param to where the training step reads its images
   */
  attack(x: Float32Array, targets: Float32Array, seed: number, first: number, to: Location): void {
    const { pass, start } = this.plan;
    const { steps } = this.plan.settings;
    this.pass.write('clean', x);
    this.pass.write('targets', targets);
    const current = this.pass.locate(pass.x);
    const clean = this.pass.locate(pass.clean);
    if (this.start !== undefined && start !== undefined) {
      this.start.write('keys', startKeys(seed, first, pass.x.spec.shape[0] ?? 0));
      this.copy(clean, this.start.locate(start.clean));
      this.start.run();
      this.copy(this.start.locate(start.made), current);
    } else this.copy(clean, current);
    for (let step = 1; step <= steps; step++) {
      this.pass.run();
      this.copy(this.pass.locate(pass.made), step === steps ? to : current);
    }
  }

  private copy(from: Location, to: Location): void {
    const encoder = this.device.gpu.createCommandEncoder();
    const bytes = bytesOf(this.plan.pass.x.spec);
    encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes);
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  /** Bytes of device memory. */
  get bytes(): number {
    return this.pass.ownBytes + (this.start?.ownBytes ?? 0);
  }
}

/** (4n): both words of each image's key, as their low and high halves: single precision holds 16 bits exactly. */
function startKeys(seed: number, first: number, n: number): Float32Array {
  const keys = new Float32Array(4 * n);
  for (let i = 0; i < n; i++)
    for (const [j, word] of streamKey(seed, 'adversarial', first + i).entries())
      keys.set([word & 0xffff, word >>> 16], 4 * i + 2 * j);
  return keys;
}
