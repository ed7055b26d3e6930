import type { Device } from '../device/device.ts';
import { optimise } from '../graph/passes.ts';
import { prune } from '../graph/prune.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import { requireClassifier, type Model } from './model.ts';
import type { ModelWeights } from './weights.ts';
import { planNodes } from '../execution/plan.ts';
import { Program } from '../execution/program.ts';
import { Graph, type Node, type Tensor } from '../graph/graph.ts';
import { f32 } from '../ops/tensor.ts';

/** The shape of the images of one pass. */
export interface ImageShape {
  /** Images at once. */
  readonly batch: number;
  readonly channels: number;
  readonly imageSize: number;
}

export interface InferenceOptions {
  /** Blocks to leave out. */
  readonly skip?: ReadonlySet<string>;
  /** Intermediate values to keep, by the path of the module that makes them. */
  readonly taps?: readonly string[];
  /** The weights are stored standardised (`ModelWeights.folded`). Default: false. */
  readonly folded?: boolean;
  /** Runs no passes, so that every op stays as the model recorded it; for export to other formats. */
  readonly plain?: boolean;
}

export interface InferenceGraph {
  readonly nodes: readonly Node[];
  /** (batch, channels, size, size), normalised. */
  readonly x: Tensor;
  /** (batch, classes), or features (batch, c) of a model without a classifier. */
  readonly logits: Tensor;
  readonly taps: ReadonlyMap<string, Tensor>;
}

/** Records a model with running statistics and without drop path. */
export function recordInference(
  model: Model,
  shape: ImageShape,
  options: InferenceOptions = {},
): InferenceGraph {
  const { batch, channels, imageSize } = shape;
  const graph = new Graph();
  const x = graph.input('x', f32(batch, channels, imageSize, imageSize));
  const { logits } = model.build(graph, {
    x,
    training: false,
    folded: options.folded ?? false,
    ...(options.skip === undefined ? {} : { skip: options.skip }),
  });
  const taps = new Map((options.taps ?? []).map((name) => [name, tapNamed(graph, name)]));
  const kept = new Set([logits.id, ...[...taps.values()].map((tensor) => tensor.id)]);
  const nodes = options.plain === true ? prune(graph.nodes, kept) : optimise(graph.nodes, { kept, graph });
  return { nodes, x, logits, taps };
}

/** @throws FrameworkError `model/tap` */
export function tapNamed(graph: Graph, name: string): Tensor {
  const tensor = graph.taps.get(name);
  if (tensor !== undefined) return tensor;
  const near = nearest(name, graph.taps.keys());
  throw new FrameworkError('model/tap', `The model has no tap ${name}.`, {
    hint: near === undefined ? `Taps: ${[...graph.taps.keys()].join(', ')}.` : `The nearest is ${near}.`,
  });
}

/**
 * Throws `checkpoint/non-finite` if a logit of (n, classes) is NaN or infinite: every number made from it would be wrong.
 * @param name of the model
 */
export function checkFinite(logits: Float32Array, classes: number, name: string): void {
  const at = logits.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new FrameworkError(
    'checkpoint/non-finite',
    `${name} gave ${logits[at] as number} as logit ${at % classes} of image ${Math.floor(at / classes)} of a batch of ${logits.length / classes}.`,
    {
      hint: 'The weights are damaged, or the model overflows on this image; --set data.mean=… and the like change the preprocessing.',
    },
  );
}

/**
 * A model's forward pass on a device.
 * @example
 * const weights = await ModelWeights.upload(device, model, values);
 * const session = await InferenceSession.create(device, weights, { batch: 8, channels: 3, imageSize: 224 });
 * const logits = await session.logits(x, 8);
 */
export class InferenceSession {
  readonly model: Model;
  readonly shape: ImageShape;
  /** Blocks that are left out. */
  readonly skip: ReadonlySet<string>;
  private readonly program: Program;
  private readonly graph: InferenceGraph;

  private constructor(
    model: Model,
    shape: ImageShape,
    skip: ReadonlySet<string>,
    graph: InferenceGraph,
    program: Program,
  ) {
    this.model = model;
    this.shape = shape;
    this.skip = skip;
    this.graph = graph;
    this.program = program;
  }

  /** @param weights the model's weights on the device; any number of sessions share them */
  static async create(
    device: Device,
    weights: ModelWeights,
    shape: ImageShape,
    options: Omit<InferenceOptions, 'folded'> = {},
  ): Promise<InferenceSession> {
    const { model, folded } = weights;
    const graph = recordInference(model, shape, { ...options, folded });
    const kept = [graph.logits, ...graph.taps.values()];
    const plan = planNodes(graph.nodes, { profile: device.profile, kept });
    const program = await Program.build(device, PipelineCache.of(device), plan, weights.locate, model.name);
    return new InferenceSession(model, shape, options.skip ?? new Set(), graph, program);
  }

  /**
   * Logits (n, classes) of n ≤ batch images x (n, c, h, w). Missing images are zeros, which changes no other row.
   * @throws FrameworkError `checkpoint/non-finite`, `model/no-classifier`
   */
  async logits(x: Float32Array, n: number): Promise<Float32Array> {
    requireClassifier(this.model);
    this.run(x, n);
    const { config, name } = this.model;
    const logits = (await this.program.read(this.graph.logits)).subarray(0, n * config.classes);
    checkFinite(logits, config.classes, name);
    return logits;
  }

  /** Submits a pass without waiting; read taps after it. */
  run(x: Float32Array, n: number): void {
    const { batch, channels, imageSize } = this.shape;
    const image = channels * imageSize * imageSize;
    if (n > batch || x.length < n * image) {
      throw new FrameworkError(
        'model/input',
        `${n} images of ${image} values were announced, but ${x.length} values came for a batch of ${batch}.`,
      );
    }
    this.program.writePadded('x', x.subarray(0, n * image));
    this.program.run();
  }

  /** A tap's values (batch, …) after the last pass. */
  async tap(name: string): Promise<{ readonly data: Float32Array; readonly shape: readonly number[] }> {
    const tensor = this.graph.taps.get(name);
    if (tensor === undefined)
      throw new FrameworkError('model/tap', `The tap ${name} was not asked for when the session was made.`);
    return { data: await this.program.read(tensor), shape: tensor.spec.shape };
  }

  get bytes(): number {
    return this.program.ownBytes;
  }

  /** Frees this session's own memory; the weights stay. */
  destroy(): void {
    this.program.destroy();
  }
}
