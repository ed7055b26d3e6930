/**
 * Learning rate and weight decay as functions of the step: no state to save or to get wrong on resuming. Sources:
 * facebookresearch/ConvNeXt: utils.py cosine_scheduler; huggingface/pytorch-image-models: timm/scheduler/cosine_lr.py.
 */
import { peakRate } from '../recipe/rate.ts';
import { FrameworkError } from '../util/errors.ts';

/** A warm-up and a cosine, counted in steps. */
export interface StepCosine {
  readonly base: number;
  readonly end: number;
  /** first value of the warm-up */
  readonly start: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * The value at step i (from 0). The warm-up is a linspace that includes both ends: its first step has `start`, its last `base`; the
 * cosine then starts at `base` again and ends just above `end`.
 * @example stepCosine({ base: 4e-3, end: 1e-6, start: 0, warmupSteps: 6240, totalSteps: 37440 }, 1) // 6.411283859592884e-7
 */
export function stepCosine({ base, end, start, warmupSteps, totalSteps }: StepCosine, i: number): number {
  if (i < warmupSteps) return warmupSteps === 1 ? start : start + i * ((base - start) / (warmupSteps - 1));
  const share = (i - warmupSteps) / (totalSteps - warmupSteps);
  return end + 0.5 * (base - end) * (1 + Math.cos(Math.PI * share));
}

/** timm's cosine over epochs: the warm-up overlays the first epochs of a cosine that runs from epoch 0. */
export interface EpochCosine {
  readonly base: number;
  readonly end: number;
  readonly start: number;
  readonly warmupEpochs: number;
  readonly totalEpochs: number;
}

/** The value at epoch t. */
export function epochCosine({ base, end, start, warmupEpochs, totalEpochs }: EpochCosine, t: number): number {
  if (t < warmupEpochs) return start + (t * (base - start)) / warmupEpochs;
  return end + 0.5 * (base - end) * (1 + Math.cos((Math.PI * t) / totalEpochs));
}

/** The parts of a recipe that a schedule needs. */
export interface ScheduleConfig {
  readonly batch: { readonly size: number };
  readonly optimizer: {
    readonly lr: number;
    readonly lrPer: number | null;
    readonly weightDecay: number;
    readonly weightDecayEnd: number | null;
  };
  readonly schedule: {
    readonly epochs: number;
    readonly warmupEpochs: number;
    readonly warmupSteps: number | null;
    readonly warmupLr: number;
    readonly minLr: number;
    readonly unit: 'step' | 'epoch';
    readonly lag: number;
  };
}

/** Optimiser steps of an epoch: what is left over of the last batch is dropped. @throws FrameworkError `schedule/no-step` */
export function stepsPerEpoch(images: number, batch: number): number {
  const steps = Math.floor(images / batch);
  if (steps < 1)
    throw new FrameworkError(
      'schedule/no-step',
      `${images} training images do not fill one batch of ${batch}`,
      {
        hint: 'pass a smaller --set batch=…',
      },
    );
  return steps;
}

/** Learning rate before any layer's own factor, and weight decay, of every optimiser step. */
export interface Schedule {
  readonly totalSteps: number;
  readonly lr: (step: number) => number;
  readonly weightDecay: (step: number) => number;
}

/**
 * The schedule of a recipe. With `unit: epoch` the first epochs of a late schedule (`lag`) all have the value of t = 0: DeiT sets its
 * rate after each epoch, so that epochs 0 and 1 both run at the warm-up's start and epoch e at t = e − 1.
 * @param steps optimiser steps per epoch
 */
export function scheduleOf(config: ScheduleConfig, steps: number): Schedule {
  const { optimizer, schedule } = config;
  const { epochs, unit, lag } = schedule;
  const totalSteps = epochs * steps;
  const shape = { base: peakRate(config), end: schedule.minLr, start: schedule.warmupLr };
  const warmupSteps = Math.min(totalSteps, warmupStepsOf(config, steps));
  const lrByStep: StepCosine = { ...shape, warmupSteps, totalSteps };
  const lrByEpoch: EpochCosine = { ...shape, warmupEpochs: schedule.warmupEpochs, totalEpochs: epochs };
  const decay: StepCosine = {
    base: optimizer.weightDecay,
    end: optimizer.weightDecayEnd ?? optimizer.weightDecay,
    start: optimizer.weightDecay,
    warmupSteps: 0,
    totalSteps,
  };
  return {
    totalSteps,
    lr: (step) =>
      unit === 'step'
        ? stepCosine(lrByStep, step)
        : epochCosine(lrByEpoch, Math.max(0, Math.floor(step / steps) - lag)),
    weightDecay: (step) => stepCosine(decay, step),
  };
}

function warmupStepsOf({ schedule }: ScheduleConfig, steps: number): number {
  return schedule.warmupSteps ?? Math.floor(schedule.warmupEpochs * steps);
}

/** A line where a run ends before its warm-up does. @param steps optimiser steps per epoch */
export function warmupWarning(config: ScheduleConfig, steps: number): string[] {
  const { epochs, unit, warmupEpochs } = config.schedule;
  const whole = epochs * steps;
  const warmup = unit === 'epoch' ? Math.ceil(warmupEpochs * steps) : warmupStepsOf(config, steps);
  if (warmup < whole || warmup === 0) return [];
  return [
    `warning: the warm-up takes ${warmup} steps and the run ${whole}: the learning rate only rises; shorten schedule.warmup${config.schedule.warmupSteps === null || unit === 'epoch' ? 'Epochs' : 'Steps'} with schedule.epochs`,
  ];
}

/**
 * Factor on the learning rate of a layer's group in fine-tuning: 1 for the last of `groups`, and for each group before it `decay` times
 * the factor of the next. ConvNeXt and RepLKNet have 14 groups (facebookresearch/ConvNeXt optim_factory.py).
 */
export function layerScale(decay: number, id: number, groups = 14): number {
  return decay ** (groups - 1 - id);
}
