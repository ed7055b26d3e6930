import { defined } from '../../util/errors.ts';
import { FROZEN, type ParameterGroup } from './groups.ts';
import { lossScaler, type Precision } from './step-graph.ts';
import type { FlatLayout } from '../../execution/store.ts';
import { Graph, type Node, type Tensor } from '../../graph/graph.ts';
import { LOSS_SCALE, adjustLossScale } from '../../ops/loss-scale/op.ts';
import { SCALARS_SPEC, adamw, clipFactor, ema, packScalars, sgdMomentum } from '../../ops/optimizer/op.ts';
import { sumSquares } from '../../ops/reduce/op.ts';
import { f32 } from '../../ops/tensor.ts';

/** A recipe's settings of the optimiser, without the schedule. */
export interface OptimizerConfig {
  readonly name: 'adamw' | 'sgd';
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Largest norm of the whole gradient, or null. */
  readonly clipNorm: number | null;
}

/** Hyperparameters that change from step to step. */
export interface StepScalars {
  /** Number of the optimiser step, from 1. */
  readonly step: number;
  readonly lr: number;
  readonly weightDecay: number;
}

/** Flat moment vectors an optimiser keeps. */
export function momentsOf({ name }: OptimizerConfig): number {
  return name === 'adamw' ? 2 : 1;
}

export interface UpdateGraph {
  readonly nodes: readonly Node[];
  /** (1): the squared norm of the whole gradient. */
  readonly squaredNorm: Tensor;
  /** The state of loss scaling, which the gradient carries the scale of; with `precision: f16`. */
  readonly scaler: Tensor | undefined;
  /** The inputs to fill before each step. */
  readonly scalars: (step: StepScalars) => readonly (readonly [name: string, data: Float32Array])[];
}

export interface UpdateSettings {
  readonly layout: FlatLayout;
  readonly stateLayout: FlatLayout;
  readonly groups: readonly ParameterGroup[];
  readonly optimizer: OptimizerConfig;
  readonly emaDecay: number | null;
  /** See `averageDecay`. */
  readonly emaWarmup: boolean;
  readonly precision: Precision;
}

/**
 * Records one optimiser step over whole ranges of the flat stores: gradient norm, clip and guard, the step, and the running average
 * of parameters and state. Gradients are zeroed on the way.
 */
export function recordUpdate(settings: UpdateSettings): UpdateGraph {
  const { layout, stateLayout, groups, optimizer, emaDecay, precision } = settings;
  const graph = new Graph();
  const squaredNorm = recordNorm(graph, layout);
  const scalars = new Map(
    groups.map((group) => [group.key, graph.input(`scalars ${group.key}`, SCALARS_SPEC)]),
  );
  const scaler = precision === 'f16' ? lossScaler(graph) : undefined;
  for (const tensor of scalars.values())
    graph.apply(clipFactor, { squares: squaredNorm, scalars: tensor, scaler }, {});
  if (scaler) graph.apply(adjustLossScale, { squares: squaredNorm, scaler }, LOSS_SCALE);
  layout.ranges.forEach((range, i) => {
    const own = (store: string) => graph.stored('parameter', f32(range.elems), { store, member: i });
    const inputs = {
      parameter: own('parameter'),
      gradient: own('gradient'),
      scalars: defined(scalars.get(range.group), `scalars of ${range.group}`),
      ema: emaDecay === null ? undefined : own('ema'),
    };
    if (optimizer.name === 'adamw')
      graph.apply(adamw, { ...inputs, m: own('moment1'), v: own('moment2') }, {});
    else graph.apply(sgdMomentum, { ...inputs, buffer: own('moment1') }, { nesterov: optimizer.nesterov });
  });
  const [first] = scalars.values();
  if (emaDecay !== null && first !== undefined) recordStateAverage(graph, stateLayout, first);
  return {
    nodes: graph.nodes,
    squaredNorm,
    scaler,
    scalars: (step) => groups.map((group) => [`scalars ${group.key}`, packGroup(group, settings, step)]),
  };
}

/** Σ over all ranges of Σg², one after the other into one number. */
function recordNorm(graph: Graph, layout: FlatLayout): Tensor {
  const total = graph.tensor('value', f32(1), 'squared norm');
  layout.ranges.forEach((range, i) => {
    graph.push({
      op: sumSquares,
      attrs: {},
      inputs: { x: graph.stored('gradient', f32(range.elems), { store: 'gradient', member: i }) },
      outputs: { y: total },
      direction: 'backward',
      scope: 'gradient norm',
      accumulates: i > 0 ? ['y'] : [],
    });
  });
  return total;
}

/** Running statistics are averaged like parameters (timm ModelEma covers the whole state dict); rounding would move what is frozen. */
function recordStateAverage(graph: Graph, layout: FlatLayout, scalars: Tensor): void {
  layout.ranges.forEach((range, i) => {
    if (range.group === FROZEN) return;
    const own = (store: string) => graph.stored('state', f32(range.elems), { store, member: i });
    graph.apply(ema, { ema: own('ema-state'), parameter: own('state'), scalars }, {});
  });
}

/**
 * Share of the old average that step n (from 0) keeps under a warm-up: min(decay, (1 + n) / (10 + n)). The average then is of the steps
 * done so far, not of the first weights. (tf.train.ExponentialMovingAverage)
 */
export function averageDecay(decay: number, n: number): number {
  return Math.min(decay, (1 + n) / (10 + n));
}

function packGroup(
  group: ParameterGroup,
  { optimizer, emaDecay, emaWarmup }: UpdateSettings,
  step: StepScalars,
): Float32Array {
  return packScalars({
    lr: step.lr * group.scale,
    step: step.step,
    weightDecay: group.decays ? step.weightDecay : 0,
    beta1: optimizer.betas[0],
    beta2: optimizer.betas[1],
    eps: optimizer.eps,
    momentum: optimizer.momentum,
    maxNorm: optimizer.clipNorm ?? 0,
    ...(emaDecay === null ? {} : { emaDecay: emaWarmup ? averageDecay(emaDecay, step.step - 1) : emaDecay }),
  });
}
