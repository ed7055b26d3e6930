import { memoryCost, type Op, type None } from '../op.ts';
import { expectShape, f32 } from '../tensor.ts';
import { adjustLossScaleReference, scaleLossReference } from './reference.ts';

/**
 * Dynamic loss scaling (torch.amp.GradScaler), decided on the device, so that no step waits for the host. The loss is multiplied by a
 * power of two, so that small gradients do not underflow in 16 bits; the optimiser divides by it. If the gradient of a step overflows,
 * the step changes nothing and the scale is halved.
 */

/** Fields of the scaler's state, the same as in `struct Scaler` of shaders/loss-scale/scaler.wgsl. */
export const SCALER = ['scale', 'good', 'used', 'skipped'] as const;

export const SCALER_SPEC = f32(SCALER.length);

/** What torch.amp.GradScaler starts with. */
export const INITIAL_SCALER = Float32Array.of(65536, 0, 65536, 0);

export interface LossScaleAttrs {
  /** Steps without overflow after which the scale is doubled. */
  readonly interval: number;
}

/** The default of torch.amp.GradScaler. */
export const LOSS_SCALE: LossScaleAttrs = { interval: 2000 };

/** y = x · scale; scaler (4). */
export const scaleLoss: Op<None, 'x' | 'scaler', 'y'> = {
  name: 'scale-loss',
  inputs: ['x', 'scaler'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(37), scaler: SCALER_SPEC }, attrs: {} }],
  infer: ({ x, scaler }) => {
    expectShape('scale-loss', 'scaler', scaler, SCALER_SPEC.shape);
    return { y: f32(...x.shape) };
  },
  cost: memoryCost,
  reference: ({ x, scaler }) => ({ y: scaleLossReference(x, scaler) }),
};

const scaler = SCALER_SPEC;
const state = Float64Array.of(8, 2, 8, 0);

/**
 * Adjusts the scale after a step: halves it if the gradient was not finite, doubles it after `interval` steps that were. squares (1): the
 * sum of squares of the whole gradient; scaler (4), which also records the scale that this step used.
 */
export const adjustLossScale: Op<LossScaleAttrs, 'squares' | 'scaler', never> = {
  name: 'adjust-loss-scale',
  inputs: ['squares', 'scaler'],
  outputs: [],
  examples: [
    { inputs: { squares: f32(1), scaler }, attrs: { interval: 3 }, data: { scaler: state } },
    {
      inputs: { squares: f32(1), scaler },
      attrs: { interval: 3 },
      data: { squares: Float64Array.of(Infinity), scaler: state },
    },
  ],
  mutates: ['scaler'],
  infer: (inputs) => {
    expectShape('adjust-loss-scale', 'scaler', inputs.scaler, SCALER_SPEC.shape);
    return {};
  },
  cost: memoryCost,
  reference: (inputs, _specs, { interval }) => {
    adjustLossScaleReference(inputs.squares, inputs.scaler, interval);
    return {};
  },
};
