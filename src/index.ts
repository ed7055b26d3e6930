/**
 * The public API. Everything here is for a program that uses the package; the commands are in `src/cli`.
 * A documented example: docs/examples/own-block.ts.
 */
export { Device } from './device/device.ts';
export { openDevice } from './device/open.ts';
export { listAdapters } from './device/adapters.ts';
export { FrameworkError } from './util/errors.ts';

export { createModel, modelNames } from './models/registry.ts';
export { defineModel } from './models/define.ts';
export type { Model } from './models/model.ts';
export { ModelWeights } from './models/weights.ts';
export { InferenceSession, type ImageShape, type InferenceOptions } from './models/inference.ts';
export {
  GradientSession,
  type GradientOptions,
  type ImageGradients,
  type Pullback,
} from './models/gradients.ts';

export type { Recording } from './nn/recording.ts';
export * from './nn/layers.ts';
export * from './nn/parameters.ts';

export { Trainer, oneHot, type TrainerOptions } from './training/step/trainer.ts';
export type { StepResult } from './training/step/step-result.ts';
