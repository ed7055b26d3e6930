import type { Device } from '../../device/device.ts';
import { requireClassifier, type Model } from '../../models/model.ts';
import type { Recompute } from '../../graph/recompute.ts';
import { PipelineCache } from '../../shader/pipelines.ts';
import { FrameworkError } from '../../util/errors.ts';
import type { OptimizerConfig, StepScalars } from './optimizer.ts';
import { TrainingSession, type Weights } from './session.ts';
import type { StepResult } from './step-result.ts';
import type { Precision } from './step-graph.ts';
import { planTraining } from './training-plan.ts';

export interface TrainerOptions {
  /** Side of the square images in pixels. */
  readonly imageSize: number;
  /** Images of one optimiser step. */
  readonly batch: number;
  /** Images computed at once; divides `batch`. Default: all of them. */
  readonly micro?: number;
  /** Default: AdamW with betas 0.9 and 0.999, eps 1e-8, no clipping. */
  readonly optimizer?: Partial<OptimizerConfig>;
  /** Multiplies the rate of a layer by this for each layer above it. Default: none. */
  readonly layerDecay?: number;
  /** Decay of the running average of weights. Default: no average is kept. */
  readonly emaDecay?: number;
  readonly recompute?: Recompute;
  readonly precision?: Precision;
  /** Seed of the initial weights and of drop path. Default 0. */
  readonly seed?: number;
  /** Weights to begin with, by parameter name; the others are initialised. */
  readonly weights?: ReadonlyMap<string, Float32Array>;
}

const ADAMW: OptimizerConfig = {
  name: 'adamw',
  betas: [0.9, 0.999],
  eps: 1e-8,
  momentum: 0.9,
  nesterov: false,
  clipNorm: null,
};

/**
 * Optimiser steps on images that the caller provides: training without recipes, run folders and loaders.
 * @example
 * const trainer = await Trainer.create(device, model, { imageSize: 32, batch: 8 });
 * const { loss } = await trainer.step(images, labels, { lr: 1e-3, weightDecay: 0.05 });
 */
export class Trainer {
  /** Number of the last step; 0 before the first. */
  get steps(): number {
    return this.taken;
  }
  private taken = 0;
  private readonly session: TrainingSession;

  private constructor(session: TrainingSession) {
    this.session = session;
  }

  /**
   * Plans, allocates and compiles everything that a step needs.
   * @throws FrameworkError `plan/too-large`, `device/out-of-memory`, `graph/shape`
   */
  static async create(device: Device, model: Model, options: TrainerOptions): Promise<Trainer> {
    const { imageSize, batch, micro = batch, seed = 0, recompute = 'none', precision = 'f32' } = options;
    requireClassifier(model);
    if (!Number.isInteger(batch / micro))
      throw new FrameworkError(
        'training/batch',
        `A batch of ${batch} is no multiple of micro-batches of ${micro}.`,
      );
    const plan = planTraining(model, {
      seed,
      batch,
      micro,
      evaluationBatch: micro,
      imageSize,
      recompute,
      precision,
      optimizer: { ...ADAMW, ...options.optimizer },
      layerDecay: options.layerDecay ?? null,
      emaDecay: options.emaDecay ?? null,
      profile: device.profile,
    });
    const session = await TrainingSession.create(device, PipelineCache.of(device), plan);
    await session.initialise(seed, options.weights);
    return new Trainer(session);
  }

  /**
   * One optimiser step.
   * @param x images (batch, channels, imageSize, imageSize), normalised
   * @param targets a class of each image, or probabilities (batch, classes)
   * @param rates learning rate and weight decay of this step
   * @throws FrameworkError `training/batch` where the number of values does not fit
   */
  async step(
    x: Float32Array,
    targets: readonly number[] | Float32Array,
    rates: Omit<StepScalars, 'step'>,
  ): Promise<StepResult> {
    const { plan, imageElems } = this.session;
    const { batch, micro, model } = plan;
    const { classes } = model.config;
    const soft = targets instanceof Float32Array ? targets : oneHot(targets, classes);
    if (x.length !== batch * imageElems || soft.length !== batch * classes)
      throw new FrameworkError(
        'training/batch',
        `A step takes ${batch} images of ${imageElems} values and as many targets; got ${x.length} values and ${targets.length} targets.`,
      );
    const step = ++this.taken;
    let result: Promise<StepResult> | undefined;
    for (let first = 0; first < batch; first += micro)
      result = this.session.submit(
        x.subarray(first * imageElems, (first + micro) * imageElems),
        soft.subarray(first * classes, (first + micro) * classes),
        (step - 1) * batch + first,
        first + micro === batch ? { ...rates, step } : undefined,
      );
    if (result === undefined) throw new FrameworkError('training/batch', 'A step takes at least one image.');
    return result;
  }

  /** Logits (n, classes) of up to `micro` images x (n, channels, imageSize, imageSize), in evaluation mode. */
  logits(x: Float32Array, weights: Weights = 'raw'): Promise<Float32Array> {
    return this.session.logits(x, x.length / this.session.imageElems, weights);
  }

  /** Parameters and running statistics by name. */
  async weights(weights: Weights = 'raw'): Promise<ReadonlyMap<string, Float32Array>> {
    const { parameters, state, emaParameters, emaState } = this.session;
    const stores = weights === 'raw' ? [parameters, state] : [emaParameters, emaState];
    const maps: (readonly [string, Float32Array])[] = [];
    for (const store of stores) {
      if (store === undefined)
        throw new FrameworkError('training/no-ema', 'No average of the weights is kept; give emaDecay.');
      maps.push(...(await store.readAll()));
    }
    return new Map(maps);
  }
}

/**
 * Probability 1 for the class of each image.
 * @returns (labels.length, classes)
 */
export function oneHot(labels: readonly number[], classes: number): Float32Array {
  const out = new Float32Array(labels.length * classes);
  labels.forEach((label, i) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new FrameworkError(
        'training/label',
        `Label ${label} of image ${i} is none of the ${classes} classes.`,
      );
    out[i * classes + label] = 1;
  });
  return out;
}
