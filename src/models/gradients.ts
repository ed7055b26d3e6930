import type { Device } from '../device/device.ts';
import { differentiate } from '../graph/autodiff.ts';
import { optimise } from '../graph/passes.ts';
import { Graph, type Node, type Tensor } from '../graph/graph.ts';
import { planNodes } from '../execution/plan.ts';
import { Program } from '../execution/program.ts';
import { FlatStore, locateIn } from '../execution/store.ts';
import { softCrossEntropy } from '../ops/cross-entropy/op.ts';
import { f32 } from '../ops/tensor.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import type { ImageShape } from './inference.ts';
import { requireClassifier, type Model } from './model.ts';
import type { ModelWeights } from './weights.ts';

export interface GradientOptions {
  /** Also the gradients of all parameters, summed over the images. Default: those of the images alone. */
  readonly parameters?: boolean;
  /** Blocks to leave out. */
  readonly skip?: ReadonlySet<string>;
}

interface GradientGraph {
  readonly nodes: readonly Node[];
  readonly logits: Tensor;
  readonly loss: Tensor;
  readonly dx: Tensor;
}

/** What a pass computed for n images. */
export interface ImageGradients {
  /** (n, classes) */
  readonly logits: Float32Array;
  /** Cross-entropy of each image (n). */
  readonly loss: Float32Array;
  /** The gradient of each image's own loss with respect to its pixels as the model sees them: (n, channels, h, w). */
  readonly dx: Float32Array;
}

/** Records evaluation mode (running statistics, no drop path), cross-entropy and its gradient. */
function recordGradients(
  model: Model,
  { batch, channels, imageSize }: ImageShape,
  options: GradientOptions,
): GradientGraph {
  const graph = new Graph();
  const x = graph.input('x', f32(batch, channels, imageSize, imageSize));
  const { skip } = options;
  const { logits } = model.build(graph, { x, training: false, ...(skip === undefined ? {} : { skip }) });
  const targets = graph.input('targets', logits.spec);
  const loss = graph.one(softCrossEntropy, { logits, targets }, {});
  const seed = graph.input('loss-weight', f32(batch));
  const gradients = differentiate(graph, loss, seed, {
    parameters: options.parameters ?? false,
    tensors: [x],
  });
  const dx = gradients.tensors[0];
  if (dx === undefined)
    throw new FrameworkError('graph/no-gradient', `The logits of ${model.name} do not depend on the image.`);
  const kept = new Set([logits.id, loss.id, dx.id]);
  return { nodes: optimise(graph.nodes, { kept, graph }), logits, loss, dx };
}

/**
 * Gradients of the cross-entropy with respect to images, and to the weights where asked for. No weight gradient is computed otherwise.
 * An image's result does not depend on the images beside it.
 * @example
 * const session = await GradientSession.create(device, weights, { batch: 8, channels: 3, imageSize: 224 });
 * const { dx } = await session.run(x, oneHot(labels, 1000));
 */
export class GradientSession {
  readonly model: Model;
  readonly shape: ImageShape;
  private readonly device: Device;
  private readonly graph: GradientGraph;
  private readonly program: Program;
  private readonly gradients: FlatStore | undefined;

  private constructor(
    device: Device,
    model: Model,
    shape: ImageShape,
    graph: GradientGraph,
    program: Program,
    gradients: FlatStore | undefined,
  ) {
    this.device = device;
    this.model = model;
    this.shape = shape;
    this.graph = graph;
    this.program = program;
    this.gradients = gradients;
  }

  /** @param weights the model's weights on the device; any number of sessions share them */
  static async create(
    device: Device,
    weights: ModelWeights,
    shape: ImageShape,
    options: GradientOptions = {},
  ): Promise<GradientSession> {
    const { model, parameters, state } = weights;
    requireClassifier(model);
    const graph = recordGradients(model, shape, options);
    const kept = [graph.logits, graph.loss, graph.dx];
    const plan = planNodes(graph.nodes, { profile: device.profile, kept });
    const gradients = options.parameters
      ? await device.guard(
          `gradients of ${model.name}`,
          () => new FlatStore(device, 'gradients', parameters.layout),
        )
      : undefined;
    const locate = locateIn({ parameter: parameters, state, ...(gradients && { gradient: gradients }) });
    const program = await Program.build(
      device,
      PipelineCache.of(device),
      plan,
      locate,
      `gradients of ${model.name}`,
    );
    return new GradientSession(device, model, shape, graph, program, gradients);
  }

  /**
   * @param x n ≤ batch images (n, channels, h, w), normalised
   * @param targets probabilities (n, classes)
   * @throws FrameworkError `model/input` where the number of values does not fit
   */
  async run(x: Float32Array, targets: Float32Array): Promise<ImageGradients> {
    const { batch, channels, imageSize } = this.shape;
    const { classes } = this.model.config;
    const image = channels * imageSize * imageSize;
    const n = targets.length / classes;
    if (!Number.isInteger(n) || n < 1 || n > batch || x.length !== n * image)
      throw new FrameworkError(
        'model/input',
        `${x.length} pixels and ${targets.length} targets came; up to ${batch} images of ${image} values with ${classes} targets each are taken.`,
      );
    this.program.writePadded('x', x);
    this.program.writePadded('targets', targets);
    this.program.writePadded('loss-weight', new Float32Array(n).fill(1));
    const encoder = this.device.gpu.createCommandEncoder();
    for (const buffer of this.gradients?.buffers ?? []) encoder.clearBuffer(buffer);
    this.program.encode(encoder);
    this.device.gpu.queue.submit([encoder.finish()]);
    const { logits, loss, dx } = this.graph;
    return {
      logits: (await this.program.read(logits)).subarray(0, n * classes),
      loss: (await this.program.read(loss)).subarray(0, n),
      dx: (await this.program.read(dx)).subarray(0, n * image),
    };
  }

  /** Frees what is this session's own; the weights stay. */
  destroy(): void {
    this.program.destroy();
    this.gradients?.destroy();
  }

  /** Gradients of all parameters after the last pass, by name: the sum over its images. */
  parameterGradients(): Promise<ReadonlyMap<string, Float32Array>> {
    return defined(this.gradients, 'a gradient session with `parameters: true`').readAll();
  }
}
