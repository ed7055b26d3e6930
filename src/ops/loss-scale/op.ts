import { memoryCost, type Op, type None } from '../op.ts';
import { type TensorSpec, elems, f32, shapeError, showShape } from '../tensor.ts';

/**
 * Dynamic loss scaling (torch.amp.GradScaler), decided on the device, so that no step waits for the host. The loss is multiplied by a
 * power of two, so that small gradients do not vanish in 16 bits; the optimiser divides it out. A step whose gradient
 * overflows changes nothing, and the scale is halved.
 */

/** Fields of the scaler's state; `struct Scaler` of shaders/loss-scale/scaler.wgsl has the same. */
export const SCALER = ['scale', 'good', 'used', 'skipped'] as const;

export const SCALER_SPEC = f32(SCALER.length);

/** What torch.amp.GradScaler starts with. */
export const INITIAL_SCALER = Float32Array.of(65536, 0, 65536, 0);

export interface LossScaleAttrs {
  /** Steps without overflow after which the scale is doubled. */
  readonly interval: number;
}

/** Of torch.amp.GradScaler. */
export const LOSS_SCALE: LossScaleAttrs = { interval: 2000 };
export const GROWTH = 2;
export const BACKOFF = 0.5;

function checkScaler(name: string, spec: TensorSpec | undefined): void {
  if (elems(spec?.shape ?? []) !== SCALER.length)
    throw shapeError(
      name,
      `takes the scaler's ${SCALER.length} numbers last, got ${showShape(spec?.shape ?? [])}`,
    );
}

/** y = x · scale. Inputs: x, the scaler (4). */
export const scaleLoss: Op<None> = {
  name: 'scale-loss',
  examples: [{ inputs: [f32(37), SCALER_SPEC], attrs: {} }],
  infer: ([x, scaler]) => {
    checkScaler('scale-loss', scaler);
    return [f32(...(x?.shape ?? []))];
  },
  cost: memoryCost,
  reference: ([x, scaler]) => [(x as Float64Array).map((value) => value * (scaler?.[0] ?? NaN))],
};

/**
 * What follows a step: halves the scale where the gradient was not finite, doubles it after `interval` steps that were. Inputs: the
 * sum of squares of the whole gradient (1), the scaler (4), which also learns the scale that this step had.
 */
export const adjustLossScale: Op<LossScaleAttrs> = {
  name: 'adjust-loss-scale',
  examples: [
    { inputs: [f32(1), SCALER_SPEC], attrs: { interval: 3 }, data: { 1: Float64Array.of(8, 2, 8, 0) } },
    {
      inputs: [f32(1), SCALER_SPEC],
      attrs: { interval: 3 },
      data: { 0: Float64Array.of(Infinity), 1: Float64Array.of(8, 2, 8, 0) },
    },
  ],
  mutates: [1],
  infer: ([, scaler]) => {
    checkScaler('adjust-loss-scale', scaler);
    return [];
  },
  cost: memoryCost,
  reference: ([squares, scaler], _specs, { interval }) => {
    const state = scaler as Float64Array;
    const [scale = NaN, good = NaN, , skipped = NaN] = state;
    if (!Number.isFinite(squares?.[0])) state.set([scale * BACKOFF, 0, scale, skipped + 1]);
    else if (good + 1 < interval) state.set([scale, good + 1, scale, skipped]);
    else state.set([scale * GROWTH, 0, scale, skipped]);
    return [];
  },
};
