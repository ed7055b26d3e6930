import { SCALER_SPEC } from '../loss-scale/op.ts';
import { type None, type Op, memoryCost } from '../op.ts';
import { sameSize } from '../elementwise.ts';
import { type TensorSpec, expectShape, f32 } from '../tensor.ts';
import {
  SCALARS,
  adamwReference,
  clipFactorReference,
  emaReference,
  sgdMomentumReference,
} from './reference.ts';

export { SCALARS };

/**
 * Optimiser steps over flat vectors of any length, in place. Every step reads its hyperparameters from a small tensor of scalars, so a
 * recorded step works for all learning rates. A group of parameters with its own rate or decay has its own scalars.
 */

export const SCALARS_SPEC = f32(SCALARS.length);

/** Hyperparameters of one step for a group of parameters. An optimiser leaves out those that it does not use. */
export interface StepSettings {
  /** Scheduled learning rate, times the group's scale. */
  readonly lr: number;
  /** Number of this step, from 1: the power of AdamW's bias corrections. */
  readonly step: number;
  /** 0 for groups exempt from decay. */
  readonly weightDecay: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly momentum?: number;
  /** Multiplies the gradient: 1/loss scale, 1/micro-batches. Default 1. */
  readonly gradientScale?: number;
  readonly emaDecay?: number;
  /** Largest global norm of the gradient, for clipFactor; 0 (default): no limit. */
  readonly maxNorm?: number;
}

/** The contents of a scalars tensor. Differences such as 1 − β are computed in float64, where they lose no digits. */
export function packScalars(settings: StepSettings): Float32Array<ArrayBuffer> {
  const { lr, step, weightDecay, beta1 = 0.9, beta2 = 0.999, emaDecay = 1 } = settings;
  const values: Record<(typeof SCALARS)[number], number> = {
    decay: 1 - lr * weightDecay,
    beta1,
    rest1: 1 - beta1,
    beta2,
    rest2: 1 - beta2,
    eps: settings.eps ?? 1e-8,
    stepSize: lr / (1 - beta1 ** step),
    rootCorrection: 1 / Math.sqrt(1 - beta2 ** step),
    gradientScale: settings.gradientScale ?? 1,
    apply: 1,
    lr,
    momentum: settings.momentum ?? 0,
    weightDecay,
    emaDecay,
    emaRest: 1 - emaDecay,
    maxNorm: settings.maxNorm ?? 0,
    step,
    logBeta1: Math.log(beta1),
    logBeta2: Math.log(beta2),
  };
  return Float32Array.from(SCALARS, (name) => values[name]);
}

/** Scalars of the examples. */
const SCALARS_DATA = Float64Array.from(
  packScalars({
    lr: 0.01,
    step: 3,
    weightDecay: 0.05,
    momentum: 0.9,
    gradientScale: 0.5,
    emaDecay: 0.99,
    maxNorm: 1,
  }),
);
const LENGTH = 1003;
const vector = f32(LENGTH);

/** A second moment, which is never negative. */
const SQUARES = Float64Array.from({ length: LENGTH }, (_, i) => Math.fround(((i * 37) % 101) / 50));

interface Stepped {
  readonly scalars: TensorSpec;
}

/** Checks that the vectors have one length, and the scalars theirs. */
function checkStep(
  op: string,
  { scalars, ...vectors }: Stepped & Record<string, TensorSpec | undefined>,
): void {
  expectShape(op, 'scalars', scalars, SCALARS_SPEC.shape);
  sameSize(op, vectors);
}

/** Every vector but `readOnly` is read and written. */
function stepCost(...readOnly: readonly string[]): Op<unknown>['cost'] {
  return (inputs) => {
    const written = Object.entries(inputs).filter(([name]) => name !== 'scalars' && !readOnly.includes(name));
    return memoryCost(inputs, Object.fromEntries(written));
  };
}

type AdamwInput = 'parameter' | 'm' | 'v' | 'gradient' | 'scalars' | 'ema?';

/**
 * One AdamW step (torch.optim.AdamW), in place, and with `ema` the moving average of the result in the same pass. All vectors have one
 * length. The gradient is zeroed for the next accumulation.
 */
export const adamw: Op<None, AdamwInput, never> = {
  name: 'adamw',
  inputs: ['parameter', 'm', 'v', 'gradient', 'scalars', 'ema?'],
  outputs: [],
  examples: [undefined, vector].map((ema) => ({
    inputs: { parameter: vector, m: vector, v: vector, gradient: vector, scalars: SCALARS_SPEC, ema },
    attrs: {},
    data: { v: SQUARES, scalars: SCALARS_DATA },
  })),
  mutates: ['parameter', 'm', 'v', 'gradient', 'ema'],
  infer: (inputs) => {
    checkStep('adamw', { ...inputs });
    return {};
  },
  cost: stepCost(),
  reference: (inputs) => {
    adamwReference(inputs);
    return {};
  },
};

export interface SgdAttrs {
  readonly nesterov: boolean;
}

type SgdInput = 'parameter' | 'buffer' | 'gradient' | 'scalars' | 'ema?';

/**
 * One step of SGD with momentum (torch.optim.SGD, dampening 0), in place, and with `ema` the moving average of the result in the same
 * pass. All vectors have one length. The buffer starts as zeros; the gradient is zeroed for the next accumulation.
 */
export const sgdMomentum: Op<SgdAttrs, SgdInput, never> = {
  name: 'sgd-momentum',
  inputs: ['parameter', 'buffer', 'gradient', 'scalars', 'ema?'],
  outputs: [],
  examples: [undefined, vector].map((ema) => ({
    inputs: { parameter: vector, buffer: vector, gradient: vector, scalars: SCALARS_SPEC, ema },
    attrs: { nesterov: true },
    data: { scalars: SCALARS_DATA },
  })),
  mutates: ['parameter', 'buffer', 'gradient', 'ema'],
  infer: (inputs) => {
    checkStep('sgd-momentum', { ...inputs });
    return {};
  },
  cost: stepCost(),
  reference: (inputs, _specs, { nesterov }) => {
    sgdMomentumReference(inputs, nesterov);
    return {};
  },
};

/** ema ← emaDecay·ema + (1 − emaDecay)·parameter, in place. Both have one length. */
export const ema: Op<None, 'ema' | 'parameter' | 'scalars', never> = {
  name: 'ema',
  inputs: ['ema', 'parameter', 'scalars'],
  outputs: [],
  examples: [
    {
      inputs: { ema: vector, parameter: vector, scalars: SCALARS_SPEC },
      attrs: {},
      data: { scalars: SCALARS_DATA },
    },
  ],
  mutates: ['ema'],
  infer: (inputs) => {
    checkStep('ema', { ...inputs });
    return {};
  },
  cost: stepCost('parameter'),
  reference: ({ ema: average, parameter, scalars }) => {
    emaReference(average, parameter, scalars);
    return {};
  },
};

const SQUARED_NORM = { squares: Float64Array.of(400), scalars: SCALARS_DATA };

/**
 * Clips by the global norm and guards the step, in the scalars. squares (1): the sum of squares of the whole (unscaled) gradient. A norm
 * above `maxNorm` (if that is not 0) shrinks gradientScale, as torch.nn.utils.clip_grad_norm_ does; a norm that is not finite sets
 * `apply` to 0, so that the step changes nothing. With the scaler of the loss gradientScale is divided by its scale, and a norm that is
 * not finite sets `apply` to −1: only the gradient is zeroed. AdamW's bias corrections then leave out the steps that the scaler skipped.
 */
export const clipFactor: Op<None, 'squares' | 'scalars' | 'scaler?', never> = {
  name: 'clip-factor',
  inputs: ['squares', 'scalars', 'scaler?'],
  outputs: [],
  examples: [
    { inputs: { squares: f32(1), scalars: SCALARS_SPEC }, attrs: {}, data: SQUARED_NORM },
    {
      inputs: { squares: f32(1), scalars: SCALARS_SPEC, scaler: SCALER_SPEC },
      attrs: {},
      data: { ...SQUARED_NORM, scaler: Float64Array.of(16, 0, 16, 0) },
    },
    {
      inputs: { squares: f32(1), scalars: SCALARS_SPEC, scaler: SCALER_SPEC },
      attrs: {},
      data: { ...SQUARED_NORM, scaler: Float64Array.of(16, 1, 16, 2) },
    },
  ],
  mutates: ['scalars'],
  infer: ({ scalars }) => {
    expectShape('clip-factor', 'scalars', scalars, SCALARS_SPEC.shape);
    return {};
  },
  cost: memoryCost,
  reference: ({ squares, scalars, scaler }) => {
    clipFactorReference(squares, scalars, scaler);
    return {};
  },
};
