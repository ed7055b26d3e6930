import { SCALER_SPEC } from '../loss-scale/op.ts';
import { type Cost, type Example, type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, shapeError, showShape } from '../tensor.ts';
import { type ScalarValues, adamwReference, emaReference, sgdMomentumReference } from './reference.ts';

/**
 * Optimiser steps over flat vectors of any length, in place. Every step reads its numbers from a tensor of 16 scalars, so a
 * recorded step serves all learning rates; a group of parameters with its own rate or decay has its own scalars.
 */

/** Fields of the scalars tensor in order; `struct Scalars` of shaders/optimizer/scalars.wgsl has the same. */
export const SCALARS = [
  'decay',
  'beta1',
  'rest1',
  'beta2',
  'rest2',
  'eps',
  'stepSize',
  'rootCorrection',
  'gradientScale',
  'apply',
  'lr',
  'momentum',
  'weightDecay',
  'emaDecay',
  'emaRest',
  'maxNorm',
] as const;

export const SCALARS_SPEC = f32(SCALARS.length);

/** What a group of parameters is stepped with. Absent numbers are those of an optimiser that does not use them. */
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

/** The contents of a scalars tensor. Complements such as 1 − β are taken in float64, where they lose nothing. */
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
  };
  return Float32Array.from(SCALARS, (name) => values[name]);
}

function unpack(scalars: Float64Array | undefined): ScalarValues {
  return Object.fromEntries(SCALARS.map((name, i) => [name, scalars?.[i] ?? NaN]));
}

/** Of the examples. */
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

/** An example of `count` vectors, with the scalars at `scalarsAt` among the inputs. */
function stepExample<A>(
  attrs: A,
  count: number,
  scalarsAt: number,
  data: Example<A>['data'] = {},
): Example<A> {
  const inputs = Array.from({ length: count + 1 }, (_, i) => (i === scalarsAt ? SCALARS_SPEC : f32(LENGTH)));
  return { inputs, attrs, data: { ...data, [scalarsAt]: SCALARS_DATA } };
}

/** A second moment, which is never negative. */
const SQUARES = Float64Array.from({ length: LENGTH }, (_, i) => Math.fround(((i * 37) % 101) / 50));

/** Checks `vectors` equal lengths with the scalars at `vectors` positions among the inputs. */
function checkVectors(name: string, inputs: readonly TensorSpec[], count: number, scalarsAt: number): void {
  const vectors = inputs.filter((_, i) => i !== scalarsAt);
  const sizes = new Set(vectors.map((spec) => elems(spec.shape)));
  if (inputs.length !== count || sizes.size !== 1 || elems(inputs[scalarsAt]?.shape ?? []) !== SCALARS.length)
    throw shapeError(
      name,
      `takes ${count - 1} vectors of one length and ${SCALARS.length} scalars as input ${scalarsAt}, got ${inputs.map((spec) => showShape(spec.shape)).join(' ')}`,
    );
}

/** Every vector is read, and all but `readOnly` of them written. */
function stepCost(readOnly: number) {
  return (inputs: readonly TensorSpec[]): Cost => memoryCost(inputs, inputs.slice(readOnly + 1));
}

function makeAdamw(withEma: boolean): Op<None> {
  const name = withEma ? 'adamw-ema' : 'adamw';
  return {
    name,
    examples: [stepExample({}, withEma ? 5 : 4, 4, { 2: SQUARES })],
    mutates: withEma ? [0, 1, 2, 3, 5] : [0, 1, 2, 3],
    infer: (inputs) => {
      checkVectors(name, inputs, withEma ? 6 : 5, 4);
      return [];
    },
    cost: stepCost(0),
    reference: ([p, m, v, gradient, scalars, ema]) => {
      const vectors = [p, m, v, gradient] as [Float64Array, Float64Array, Float64Array, Float64Array];
      adamwReference(vectors, ema, unpack(scalars));
      return [];
    },
  };
}

/**
 * One AdamW step (torch.optim.AdamW), in place. Inputs: parameter, m, v, gradient (any one length), scalars. The gradient is
 * zeroed for the next accumulation.
 */
export const adamw: Op<None> = makeAdamw(false);

/** AdamW and the moving average of the result in one pass. Inputs: parameter, m, v, gradient, scalars, ema. */
export const adamwEma: Op<None> = makeAdamw(true);

export interface SgdAttrs {
  readonly nesterov: boolean;
}

function makeSgd(withEma: boolean): Op<SgdAttrs> {
  const name = withEma ? 'sgd-momentum-ema' : 'sgd-momentum';
  return {
    name,
    examples: [stepExample({ nesterov: true }, withEma ? 4 : 3, 3)],
    mutates: withEma ? [0, 1, 2, 4] : [0, 1, 2],
    infer: (inputs) => {
      checkVectors(name, inputs, withEma ? 5 : 4, 3);
      return [];
    },
    cost: stepCost(0),
    reference: ([p, buffer, gradient, scalars, ema], _specs, { nesterov }) => {
      const vectors = [p, buffer, gradient] as [Float64Array, Float64Array, Float64Array];
      sgdMomentumReference(vectors, ema, unpack(scalars), nesterov);
      return [];
    },
  };
}

/**
 * One step of SGD with momentum (torch.optim.SGD, dampening 0), in place. Inputs: parameter, buffer, gradient (any one
 * length), scalars. The buffer starts as zeros; the gradient is zeroed for the next accumulation.
 */
export const sgdMomentum: Op<SgdAttrs> = makeSgd(false);

/** SGD and the moving average of the result in one pass. Inputs: parameter, buffer, gradient, scalars, ema. */
export const sgdMomentumEma: Op<SgdAttrs> = makeSgd(true);

/** ema ← emaDecay·ema + (1 − emaDecay)·parameter, in place. Inputs: ema, parameter (any one length), scalars. */
export const ema: Op<None> = {
  name: 'ema',
  examples: [stepExample({}, 2, 2)],
  mutates: [0],
  infer: (inputs) => {
    checkVectors('ema', inputs, 3, 2);
    return [];
  },
  cost: stepCost(1),
  reference: ([average, parameter, scalars]) => {
    emaReference(average as Float64Array, parameter as Float64Array, unpack(scalars));
    return [];
  },
};

/**
 * Clips by the global norm and guards the step, in the scalars. Inputs: the sum of squares of the whole (unscaled) gradient
 * (1), scalars. A norm above `maxNorm` (if that is not 0) shrinks gradientScale, as torch.nn.utils.clip_grad_norm_ does; a
 * norm that is not finite sets `apply` to 0, so that the step changes nothing. With a third input, the scaler of the loss,
 * gradientScale is divided by its scale, and a norm that is not finite sets `apply` to −1: only the gradient is zeroed.
 */
export const clipFactor: Op<None> = {
  name: 'clip-factor',
  examples: [
    { inputs: [f32(1), SCALARS_SPEC], attrs: {}, data: { 0: Float64Array.of(400), 1: SCALARS_DATA } },
    {
      inputs: [f32(1), SCALARS_SPEC, SCALER_SPEC],
      attrs: {},
      data: { 0: Float64Array.of(400), 1: SCALARS_DATA, 2: Float64Array.of(16, 0, 16, 0) },
    },
  ],
  mutates: [1],
  infer: (inputs) => {
    checkVectors('clip-factor', inputs.slice(0, 2), 2, 1);
    return [];
  },
  cost: memoryCost,
  reference: ([squares, scalars, scaler]) => {
    const values = scalars as Float64Array;
    const at = SCALARS.indexOf('gradientScale');
    values[at] = (values[at] as number) / (scaler?.[0] ?? 1);
    const s = unpack(scalars);
    const norm = Math.sqrt(squares?.[0] ?? NaN) * (s['gradientScale'] as number);
    const maxNorm = s['maxNorm'] as number;
    if (!Number.isFinite(norm)) values[SCALARS.indexOf('apply')] = scaler === undefined ? 0 : -1;
    else if (maxNorm > 0) values[at] = (s['gradientScale'] as number) * Math.min(1, maxNorm / (norm + 1e-6));
    return [];
  },
};
