import { differentiate, type Gradients } from '../graph/autodiff.ts';
import { Graph, type Node, type Tensor } from '../graph/graph.ts';
import { prune } from '../graph/prune.ts';
import { softCrossEntropy } from '../kernels/cross-entropy.ts';
import { f32 } from '../kernels/op.ts';
import type { Model } from '../models/model.ts';
import type { DropPath } from '../nn/drop-path.ts';
import { FrameworkError, nearest } from '../util/errors.ts';

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
  return { nodes: prune(graph.nodes, new Set([loss.id])), x, targets, seed, loss, dropPaths, gradients };
}

export interface InferenceGraph {
  readonly nodes: readonly Node[];
  readonly x: Tensor;
  readonly logits: Tensor;
  /** The taps that were asked for, by name. */
  readonly taps: ReadonlyMap<string, Tensor>;
}

/** The model with running statistics and without drop path. @param skip blocks to leave out */
export function recordInference(
  model: Model,
  shape: StepShape,
  options: { readonly skip?: ReadonlySet<string>; readonly taps?: readonly string[] } = {},
): InferenceGraph {
  const { micro, channels, imageSize } = shape;
  const graph = new Graph();
  const x = graph.input('x', f32(micro, channels, imageSize, imageSize));
  const { logits } = model.build(graph, {
    x,
    training: false,
    ...(options.skip === undefined ? {} : { skip: options.skip }),
  });
  const taps = new Map((options.taps ?? []).map((name) => [name, tapNamed(graph, name)]));
  const kept = new Set([logits.id, ...[...taps.values()].map((tensor) => tensor.id)]);
  return { nodes: prune(graph.nodes, kept), x, logits, taps };
}

function tapNamed(graph: Graph, name: string): Tensor {
  const tensor = graph.taps.get(name);
  if (tensor !== undefined) return tensor;
  const near = nearest(name, graph.taps.keys());
  throw new FrameworkError('model/tap', `The model has no tap ${name}.`, {
    hint: near === undefined ? `Taps: ${[...graph.taps.keys()].join(', ')}.` : `The nearest is ${near}.`,
  });
}
