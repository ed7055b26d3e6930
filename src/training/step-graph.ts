import { differentiate, type Gradients } from '../graph/autodiff.ts';
import { fuse } from '../graph/fusion.ts';
import { Graph, type Node, type Tensor } from '../graph/graph.ts';
import { prune } from '../graph/prune.ts';
import { softCrossEntropy } from '../kernels/cross-entropy.ts';
import { f32 } from '../kernels/op.ts';
import type { Model } from '../models/model.ts';
import type { DropPath } from '../nn/drop-path.ts';

/** What one micro-batch computes, recorded without a device. */
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
  /** (micro): the weight of each sample's loss, 1 / effective batch. */
  readonly seed: Tensor;
  /** (micro): cross-entropy of each sample. */
  readonly loss: Tensor;
  readonly dropPaths: readonly DropPath[];
  readonly gradients: Gradients;
}

/** Forward, loss and backward of one micro-batch; parameter gradients accumulate. */
export function recordTraining(model: Model, shape: StepShape, recompute: 'none' | 'blocks'): TrainingGraph {
  const { micro, channels, imageSize } = shape;
  const graph = new Graph();
  const x = graph.input('x', f32(micro, channels, imageSize, imageSize));
  const { logits, dropPaths } = model.build(graph, { x, training: true, recompute });
  const targets = graph.input('targets', logits.spec);
  const loss = graph.one(softCrossEntropy, [logits, targets], {});
  const seed = graph.input('loss-weight', f32(micro));
  const gradients = differentiate(graph, loss, seed);
  const kept = new Set([loss.id]);
  const nodes = fuse(prune(graph.nodes, kept), kept);
  return { nodes, x, targets, seed, loss, dropPaths, gradients };
}
