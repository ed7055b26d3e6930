import { differentiate, type Gradients } from '../../graph/autodiff.ts';
import { optimise } from '../../graph/passes.ts';
import type { Recompute } from '../../graph/recompute.ts';
import type { Model } from '../../models/model.ts';
import type { DropPath } from '../../nn/drop-path.ts';
import { Graph, type Node, type Tensor } from '../../graph/graph.ts';
import { cast } from '../../ops/cast/op.ts';
import { softCrossEntropy } from '../../ops/cross-entropy/op.ts';
import { type DistillationAttrs, distillation } from '../../ops/distillation/op.ts';
import { SCALER_SPEC, scaleLoss } from '../../ops/loss-scale/op.ts';
import { f32 } from '../../ops/tensor.ts';

/** The graph of one micro-batch, recorded without a device. */
export interface StepShape {
  /** Images at once. */
  readonly micro: number;
  readonly channels: number;
  readonly imageSize: number;
}

export interface TrainingGraph {
  readonly nodes: readonly Node[];
  /** (micro, channels, size, size), normalised. */
  readonly x: Tensor;
  /** (micro, classes), soft. */
  readonly targets: Tensor;
  /** (micro, classes): the logits of the teacher, if there is one. */
  readonly teacher: Tensor | undefined;
  /** (micro): the weight of each sample's loss, 1 / effective batch. */
  readonly seed: Tensor;
  /** (micro): of each sample, cross-entropy, and with a teacher its share of the teacher's term. */
  readonly loss: Tensor;
  readonly dropPaths: readonly DropPath[];
  readonly gradients: Gradients;
}

/** The store, and its one member, that holds the state of dynamic loss scaling (src/ops/loss-scale/op.ts). */
export const LOSS_SCALER = 'loss-scaler';

/** The scaler's state as a tensor of a graph. */
export function lossScaler(graph: Graph): Tensor {
  return graph.stored('state', SCALER_SPEC, { store: LOSS_SCALER, member: LOSS_SCALER });
}

export interface StepSettings {
  readonly recompute: Recompute;
  /** f16: activations and their gradients are stored in 16 bits; the loss and the gradients of parameters are f32. */
  readonly precision: Precision;
  /** The loss with a teacher. Default: none. */
  readonly distillation?: DistillationAttrs | undefined;
}

export type Precision = 'f32' | 'f16';

/** Forward, loss and backward of one micro-batch; parameter gradients accumulate. */
export function recordTraining(
  model: Model,
  shape: StepShape,
  { recompute, precision, distillation: attrs }: StepSettings,
): TrainingGraph {
  const { micro, channels, imageSize } = shape;
  const isHalf = precision === 'f16';
  const graph = new Graph();
  const x = graph.input('x', f32(micro, channels, imageSize, imageSize));
  const stored = isHalf ? graph.one(cast, { x }, { to: 'f16' }) : x;
  const { logits: last, dropPaths } = model.build(graph, { x: stored, training: true });
  const logits = isHalf ? graph.one(cast, { x: last }, { to: 'f32' }) : last;
  const targets = graph.input('targets', logits.spec);
  const teacher = attrs && graph.input('teacher', logits.spec);
  const loss =
    attrs && teacher
      ? graph.one(distillation, { logits, targets, teacher }, attrs)
      : graph.one(softCrossEntropy, { logits, targets }, {});
  const seed = graph.input('loss-weight', f32(micro));
  const scaled = isHalf ? graph.one(scaleLoss, { x: seed, scaler: lossScaler(graph) }, {}) : seed;
  const gradients = differentiate(graph, loss, scaled);
  const nodes = optimise(graph.nodes, { kept: new Set([loss.id]), recompute, graph });
  return { nodes, x, targets, teacher, seed, loss, dropPaths, gradients };
}
