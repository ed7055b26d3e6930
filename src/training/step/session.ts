import type { Device } from '../../device/device.ts';
import { checkFinite } from '../../models/inference.ts';
import type { Model } from '../../models/model.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import { drawDropPath } from '../../nn/drop-path.ts';
import { initialValue } from '../../nn/parameters.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { nextTurn } from '../../util/turn.ts';
import type { TrainingPlan } from './training-plan.ts';
import type { Adversary } from './adversary.ts';
import type { StepScalars } from './optimizer.ts';
import { buildPrograms, type Programs } from './programs.ts';
import { ReadbackRing, type Slot } from './readback.ts';
import type { Shards } from './shards.ts';
import type { Teacher } from './teacher.ts';
import { LOSS_SCALER } from './step-graph.ts';
import { StepResults, type StepResult } from './step-result.ts';
import { makeStores, type Stores } from './stores.ts';
import type { Program } from '../../execution/program.ts';
import type { FlatStore } from '../../execution/store.ts';
import { INITIAL_SCALER, SCALER } from '../../ops/loss-scale/op.ts';

/** The weights a run has: as trained, and averaged. */
export type Weights = 'raw' | 'ema';

/**
 * A training run's device side: memory, programs and the order they run in. One micro-batch is one submission; the last of a step
 * also updates the parameters. Results come back through a ring of small buffers, so the queue is never drained.
 */
export class TrainingSession {
  readonly plan: TrainingPlan;
  readonly model: Model;
  readonly parameters: FlatStore;
  readonly moments: readonly FlatStore[];
  readonly state: FlatStore;
  readonly emaParameters: FlatStore | undefined;
  readonly emaState: FlatStore | undefined;
  /** The state of loss scaling, with `precision: f16`. */
  readonly scaler: FlatStore | undefined;
  private readonly device: Device;
  private readonly gradients: FlatStore;
  private readonly statistics: FlatStore | undefined;
  /** Forward and backward of one micro-batch. */
  readonly step: Program;
  /** The work after a step's last micro-batch. */
  readonly update: Program;
  private readonly evaluation: Readonly<Record<Weights, Program | undefined>>;
  /** Runs step and update in their places while it is set. */
  timing: { readonly step: Pick<Program, 'run'>; readonly update: Pick<Program, 'encode'> } | undefined;
  private readonly teacher: Teacher | undefined;
  private readonly adversary: Adversary | undefined;
  private readonly ring: ReadbackRing;
  private readonly shards: Shards | undefined;
  private readonly ranks: Ranks | undefined;
  /** Images of a step that this process computes. */
  private readonly share: number;
  /** Micro-batches of the current step that were submitted. */
  private submitted = 0;
  /** Until then no micro-batch may be submitted: between ranks the gradient of a step is on its way. */
  private busy: Promise<unknown> = Promise.resolve();
  private readonly results: StepResults;

  private constructor(
    device: Device,
    plan: TrainingPlan,
    stores: Stores,
    programs: Programs,
    ranks: Ranks | undefined,
  ) {
    this.device = device;
    this.plan = plan;
    this.ranks = ranks;
    this.share = plan.batch / (ranks?.size ?? 1);
    this.model = plan.model;
    this.parameters = stores.parameter;
    this.gradients = stores.gradient;
    this.moments = [stores.moment1, stores.moment2].filter((store) => store !== undefined);
    this.state = stores.state;
    this.emaParameters = stores.ema;
    this.emaState = stores['ema-state'];
    this.scaler = stores[LOSS_SCALER];
    this.statistics = stores.statistics;
    this.step = programs.step;
    this.update = programs.update;
    this.evaluation = { raw: programs.raw, ema: programs.ema };
    this.teacher = programs.teacher;
    this.adversary = programs.adversary;
    this.shards = programs.shards;
    this.results = new StepResults(plan.batch, this.scaler !== undefined, ranks);
    this.ring = new ReadbackRing(device, this.results.length * 4);
    this.step.write('loss-weight', new Float32Array(plan.micro).fill(1 / plan.batch));
  }

  /**
   * Allocates everything the plan names and compiles all pipelines.
   * @param teacher the weights of the plan's teacher, if it has one
   * @param ranks among which the shards of each step are divided @param bucketElems see `Shards.create`
   */
  static async create(
    device: Device,
    pipelines: PipelineCache,
    plan: TrainingPlan,
    teacher?: ReadonlyMap<string, Float32Array>,
    ranks?: Ranks,
    bucketElems?: number,
  ): Promise<TrainingSession> {
    if (plan.update.graph.scaler !== undefined && !device.features.has('shader-f16')) {
      throw new FrameworkError(
        'device/feature',
        `precision: f16 was asked for, but ${device.name} has no shader-f16.`,
        { hint: 'Use --set precision=f32, or another adapter; `largekernel doctor` lists their features.' },
      );
    }
    const stores = await device.guard('allocating parameters', () => makeStores(device, plan));
    const programs = await buildPrograms(device, pipelines, plan, stores, { teacher, ranks, bucketElems });
    return new TrainingSession(device, plan, stores, programs, ranks);
  }

  /** Fills parameters and state with the model's initial values, overridden by `loaded`, and starts the averages from them. */
  async initialise(seed: number, loaded: ReadonlyMap<string, Float32Array> = new Map()): Promise<void> {
    for (const spec of this.model.parameters) {
      const { name } = spec;
      const store = this.parameters.has(name) ? this.parameters : this.state;
      if (!store.has(name)) continue;
      await nextTurn(); // large tensors take a while to draw
      store.write(name, loaded.get(name) ?? initialValue(spec, seed));
    }
    this.scaler?.write(LOSS_SCALER, INITIAL_SCALER);
    this.emaParameters?.copyFrom(this.parameters);
    this.emaState?.copyFrom(this.state);
  }

  /** Micro-batches that this process submits for a step. */
  get microBatches(): number {
    return this.share / this.plan.micro;
  }

  /**
   * Submits one micro-batch; between ranks await `ready` before a step's first.
   * @param x (micro, channels, size, size) @param targets (micro, classes)
   * @param first number of the first sample in the run, for drop path and adversarial starts
   * @param update the step's scalars, with its last micro-batch
   * @returns the step's result with the last micro-batch, else undefined
   */
  submit(
    x: Float32Array,
    targets: Float32Array,
    first: number,
    update: StepScalars | undefined,
  ): Promise<StepResult> | undefined {
    if (this.adversary === undefined) this.step.write('x', x);
    else {
      const to = this.step.locate(this.plan.step.graph.x);
      this.adversary.attack(x, targets, this.plan.seed, first, to);
    }
    this.step.write('targets', targets);
    for (const path of this.plan.step.graph.dropPaths) {
      this.step.write(path.input, drawDropPath(path, this.plan.seed, first, this.plan.micro));
    }
    const slot = this.ring.current();
    const { graph } = this.plan.step;
    if (this.teacher !== undefined && graph.teacher !== undefined) {
      const ahead = this.device.gpu.createCommandEncoder();
      this.teacher.encode(ahead, this.step.locate(graph.x), this.step.locate(graph.teacher));
      this.device.gpu.queue.submit([ahead.finish()]);
    }
    const number = ++this.submitted;
    const after = (encoder: GPUCommandEncoder): void => {
      const bytes = this.plan.micro * 4;
      slot.copy(encoder, this.step.locate(this.plan.step.graph.loss), (number - 1) * bytes, bytes);
      this.shards?.afterMicroBatch(encoder, number);
    };
    if (update !== undefined) this.submitted = 0;
    if (update !== undefined && this.ranks !== undefined) return this.finishShared(after, slot, update);
    (this.timing?.step ?? this.step).run();
    const encoder = this.device.gpu.createCommandEncoder();
    after(encoder);
    if (update !== undefined) return this.finishStep(encoder, slot, update);
    this.device.gpu.queue.submit([encoder.finish()]);
    return undefined;
  }

  /** The last micro-batch of a step between ranks, and what follows it. */
  private finishShared(
    after: (encoder: GPUCommandEncoder) => void,
    slot: Slot,
    update: StepScalars,
  ): Promise<StepResult> {
    const result = defined(this.shards, 'shards')
      .share(this.timing?.step ?? this.step, after)
      .then((exposedMs) => ({
        of: this.finishStep(this.device.gpu.createCommandEncoder(), slot, update),
        exposedMs,
      }));
    this.busy = result;
    return result.then(async ({ of, exposedMs }) => ({ ...(await of), exposedMs }));
  }

  /** When the next step's micro-batches may be submitted: at once, or between ranks when they have summed their gradients. */
  async ready(): Promise<void> {
    await this.busy;
  }

  /** The update, after the last micro-batch, and what a step tells. */
  private finishStep(encoder: GPUCommandEncoder, slot: Slot, update: StepScalars): Promise<StepResult> {
    const { share } = this;
    this.shards?.finish(encoder);
    for (const [name, data] of this.plan.update.graph.scalars(update)) this.update.write(name, data);
    (this.timing?.update ?? this.update).encode(encoder);
    slot.copy(encoder, this.update.locate(this.plan.update.graph.squaredNorm), share * 4, 4);
    const scaler = this.scaler?.locate(LOSS_SCALER);
    if (scaler) slot.copy(encoder, scaler, (share + 1) * 4, SCALER.length * 4);
    this.device.gpu.queue.submit([encoder.finish()]);
    return this.ring.read(slot).then((values) => {
      this.device.check();
      return this.results.of(values);
    });
  }

  /**
   * Logits (n, classes) of `n` ≤ `plan.evaluationBatch` images; shorter batches are padded with zeros, which changes no row.
   * @throws FrameworkError `checkpoint/non-finite`
   */
  async logits(x: Float32Array, n: number, weights: Weights): Promise<Float32Array> {
    const program = this.evaluation[weights];
    if (program === undefined)
      throw new FrameworkError('training/no-ema', 'This run keeps no averaged weights.');
    const { logits } = this.plan.evaluation.graph;
    program.writePadded('x', x);
    program.run();
    const { config, name } = this.plan.model;
    const rows = (await program.read(logits)).subarray(0, n * config.classes);
    checkFinite(rows, config.classes, name);
    return rows;
  }

  /** Runs the teacher, if there is one, on the first images of x. @throws FrameworkError `checkpoint/non-finite` */
  async tryTeacher(x: Float32Array): Promise<void> {
    await this.teacher?.check(x);
  }

  /** What holds values that are not finite, in the model's order: running statistics, and gradients: a step that is not
   * finite leaves its gradient as it is. */
  async nonFiniteTensors(): Promise<string[]> {
    const bad = (data: Float32Array) => data.some((value) => !Number.isFinite(value));
    const named = async (store: FlatStore, what: string) =>
      [...(await store.readAll())].filter(([, data]) => bad(data)).map(([name]) => `${what}${name}`);
    return [...(await named(this.state, '')), ...(await named(this.gradients, 'the gradient of '))];
  }

  /** All that a run's continuation depends on. */
  get stores(): readonly FlatStore[] {
    const { parameters, state, moments, emaParameters, emaState, scaler } = this;
    return [parameters, state, ...moments, emaParameters, emaState, scaler].filter(
      (store) => store !== undefined,
    );
  }

  /** Elements of one image. */
  get imageElems(): number {
    const [, c = 0, h = 0, w = 0] = this.plan.step.graph.x.spec.shape;
    return c * h * w;
  }

  /** Bytes of all device memory this session asked for. */
  get bytes(): number {
    const stores = [...this.stores, this.gradients, this.statistics];
    return (
      stores.reduce((sum, store) => sum + (store?.bytes ?? 0), 0) +
      this.step.ownBytes +
      this.update.ownBytes +
      defined(this.evaluation.raw, 'evaluation').ownBytes +
      (this.teacher?.bytes ?? 0) +
      (this.adversary?.bytes ?? 0) +
      (this.shards?.bytes ?? 0) +
      this.ring.bytes
    );
  }
}
