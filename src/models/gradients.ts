import type { Device } from '../device/device.ts';
import { differentiate } from '../graph/autodiff.ts';
import { optimise } from '../graph/passes.ts';
import { Graph, type Node, type Tensor } from '../graph/graph.ts';
import { planNodes, type Plan } from '../execution/plan.ts';
import { Program } from '../execution/program.ts';
import { FlatStore, locateIn } from '../execution/store.ts';
import { elems, f32 } from '../ops/tensor.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { crossEntropyRow } from './cross-entropy.ts';
import { tapNamed, type ImageShape } from './inference.ts';
import { requireClassifier, type Model } from './model.ts';
import type { ModelWeights } from './weights.ts';

export interface GradientOptions {
  /** Also the gradients of all parameters, summed over the images. Default: those of the images alone. */
  readonly parameters?: boolean;
  /** Blocks to leave out. */
  readonly skip?: ReadonlySet<string>;
  /** What is differentiated: a value inside the model, by the path of the module that makes it. Default: the logits. */
  readonly of?: string;
}

interface GradientGraph {
  readonly nodes: readonly Node[];
  /** What is differentiated: (batch, …). */
  readonly values: Tensor;
  /** The cotangent, as large. */
  readonly dvalues: Tensor;
  readonly dx: Tensor;
}

/** Results of a pass over n images, for a function of the model's values. */
export interface Pullback {
  /** The differentiated values: logits (n, classes), or a tap (n, …). */
  readonly values: Float32Array;
  /** Σ dvalues · ∂values/∂x of each image with respect to its pixels as the model sees them: (n, channels, h, w). */
  readonly dx: Float32Array;
}

/** Results of a pass over n images, for the cross-entropy. */
export interface ImageGradients {
  /** (n, classes) */
  readonly logits: Float32Array;
  /** Cross-entropy of each image (n). */
  readonly loss: Float32Array;
  /** The gradient of each image's own loss with respect to its pixels as the model sees them: (n, channels, h, w). */
  readonly dx: Float32Array;
}

/** Records a model in evaluation mode (running statistics, no drop path), and the backward pass from a cotangent to the image. */
function recordGradients(
  { model, folded }: ModelWeights,
  { batch, channels, imageSize }: ImageShape,
  { parameters = false, skip, of }: GradientOptions,
): GradientGraph {
  const graph = new Graph();
  const x = graph.input('x', f32(batch, channels, imageSize, imageSize));
  const { logits } = model.build(graph, {
    x,
    training: false,
    folded,
    ...(skip === undefined ? {} : { skip }),
  });
  const values = of === undefined ? logits : tapNamed(graph, of);
  const dvalues = graph.input('cotangent', values.spec);
  const gradients = differentiate(graph, values, dvalues, { parameters, tensors: [x] });
  const dx = gradients.tensors[0];
  if (dx === undefined)
    throw new FrameworkError(
      'graph/no-gradient',
      `${of ?? 'The logits'} of ${model.name} ${of === undefined ? 'do' : 'does'} not depend on the image.`,
    );
  const kept = new Set([values.id, dx.id]);
  return { nodes: optimise(graph.nodes, { kept, graph }), values, dvalues, dx };
}

/** Throws `model/folded` where weights are stored standardised: their gradients would be those of other weights. */
function requireWholeWeights({ model, folded }: ModelWeights): void {
  const standard = model.parameters.find(({ standardEps }) => standardEps !== undefined);
  if (!folded || standard === undefined) return;
  throw new FrameworkError(
    'model/folded',
    `Gradients of ${model.name}'s weights were asked for, but weights such as ${standard.name} are stored standardised.`,
    { hint: 'Call ModelWeights.upload with { folded: false }.' },
  );
}

/** Dispatches before the first that needs the cotangent, however indirectly. */
function forwardDispatches({ steps }: Plan, cotangent: Tensor): number {
  let count = 0;
  for (const { node, dispatches } of steps) {
    if (Object.values(node.inputs).some(({ id }) => id === cotangent.id)) return count;
    count += dispatches.length;
  }
  return count;
}

/**
 * Gradients of anything that is computed from a model's logits, or from a value inside it, with respect to images; and to the weights where
 * asked for. No weight gradient is computed otherwise. An image's result does not depend on the images beside it. Sessions of one model
 * share its weights, and all of a device share its pipelines.
 * @example
 * const session = await GradientSession.create(device, weights, { batch: 8, channels: 3, imageSize: 224 });
 * const { dx } = await session.run(x, oneHot(labels, 1000)); // of the cross-entropy
 * const { values, dx } = await session.pullback(x, 8, (logits) => logits.map((_, i) => Number(i % 1000 === 3))); // of logit 3
 */
export class GradientSession {
  readonly model: Model;
  readonly shape: ImageShape;
  private readonly device: Device;
  private readonly graph: GradientGraph;
  private readonly program: Program;
  /** The first dispatches of the program, which make the values. */
  private readonly forward: number;
  private readonly gradients: FlatStore | undefined;

  private constructor(
    device: Device,
    model: Model,
    shape: ImageShape,
    recorded: { graph: GradientGraph; program: Program; forward: number },
    gradients: FlatStore | undefined,
  ) {
    this.device = device;
    this.model = model;
    this.shape = shape;
    this.graph = recorded.graph;
    this.program = recorded.program;
    this.forward = recorded.forward;
    this.gradients = gradients;
  }

  /**
   * @param weights the model's weights on the device; any number of sessions share them
   * @throws FrameworkError `model/no-classifier`, `model/tap`, `model/folded`, `graph/no-gradient`
   */
  static async create(
    device: Device,
    weights: ModelWeights,
    shape: ImageShape,
    options: GradientOptions = {},
  ): Promise<GradientSession> {
    const { model, parameters, state } = weights;
    if (options.of === undefined) requireClassifier(model);
    if (options.parameters) requireWholeWeights(weights);
    const graph = recordGradients(weights, shape, options);
    const plan = planNodes(graph.nodes, { profile: device.profile, kept: [graph.values, graph.dx] });
    const label = `gradients of ${model.name}`;
    const gradients = options.parameters
      ? await device.guard(label, () => new FlatStore(device, 'gradients', parameters.layout))
      : undefined;
    const locate = locateIn({ parameter: parameters, state, ...(gradients && { gradient: gradients }) });
    const program = await Program.build(device, PipelineCache.of(device), plan, locate, label);
    const forward = forwardDispatches(plan, graph.dvalues);
    return new GradientSession(device, model, shape, { graph, program, forward }, gradients);
  }

  /**
   * Gradients of the cross-entropy.
   * @param x n ≤ batch images (n, channels, h, w), normalised
   * @param targets probabilities (n, classes)
   * @throws FrameworkError `model/input` where the number of values does not fit
   */
  async run(x: Float32Array, targets: Float32Array): Promise<ImageGradients> {
    const { classes } = this.model.config;
    const n = targets.length / classes;
    const isWhole = Number.isInteger(n) && x.length === n * this.imageElems;
    if (!isWhole || this.graph.values.spec.shape[1] !== classes)
      throw new FrameworkError(
        'model/input',
        `${x.length} pixels and ${targets.length} targets came; up to ${this.shape.batch} images of ${this.imageElems} values with ${classes} targets each are taken.`,
      );
    const loss = new Float32Array(n);
    const { values, dx } = await this.pullback(x, n, (logits) => {
      const dlogits = new Float32Array(logits.length);
      for (let i = 0; i < n; i++) {
        const row = (data: Float32Array) => data.subarray(i * classes, (i + 1) * classes);
        loss[i] = crossEntropyRow(row(logits), row(targets), row(dlogits));
      }
      return dlogits;
    });
    return { logits: values, loss, dx };
  }

  /**
   * The forward pass, then the gradient of any function of its values.
   * @param x n ≤ batch images (n, channels, h, w), normalised
   * @param cotangent what the function's gradient with respect to the values (n, …) is, from the values
   * @throws FrameworkError `model/input` where the number of values does not fit
   */
  async pullback(
    x: Float32Array,
    n: number,
    cotangent: (values: Float32Array) => Float32Array,
  ): Promise<Pullback> {
    const { batch } = this.shape;
    const image = this.imageElems;
    if (n < 1 || n > batch || x.length !== n * image)
      throw new FrameworkError(
        'model/input',
        `${x.length} pixels of ${n} images came; up to ${batch} images of ${image} values are taken.`,
      );
    const { values: tensor, dx } = this.graph;
    const row = elems(tensor.spec.shape) / batch;
    this.program.writePadded('x', x);
    this.submit(0, this.forward);
    const values = (await this.program.read(tensor)).subarray(0, n * row);
    const dvalues = cotangent(values);
    if (dvalues.length !== n * row)
      throw new FrameworkError(
        'model/input',
        `${dvalues.length} values of a cotangent came; ${row} are due for each of ${n} images.`,
      );
    this.program.writePadded('cotangent', dvalues);
    this.submit(this.forward, this.program.dispatches);
    return { values, dx: (await this.program.read(dx)).subarray(0, n * image) };
  }

  private get imageElems(): number {
    const { channels, imageSize } = this.shape;
    return channels * imageSize ** 2;
  }

  private submit(from: number, to: number): void {
    const encoder = this.device.gpu.createCommandEncoder();
    if (from === 0) for (const buffer of this.gradients?.buffers ?? []) encoder.clearBuffer(buffer);
    this.program.encode(encoder, from, to);
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  /** Frees this session's own memory; the weights stay. */
  destroy(): void {
    this.program.destroy();
    this.gradients?.destroy();
  }

  /** Gradients of all parameters after the last pass, by name: the sum over its images. */
  parameterGradients(): Promise<ReadonlyMap<string, Float32Array>> {
    return defined(this.gradients, 'a gradient session with `parameters: true`').readAll();
  }
}
