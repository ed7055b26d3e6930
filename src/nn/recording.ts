import type { DropPath } from './drop-path.ts';
import { ONE, ZERO, decays, type Initializer, type ParameterSpec } from './parameters.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { f32, partNames } from '../ops/tensor.ts';

export interface RecordingOptions {
  /** Batch statistics and drop path instead of running statistics and whole branches. */
  readonly training: boolean;
  /** Paths of blocks to leave out: their output is their input. */
  readonly skip?: ReadonlySet<string>;
  /** The weights to be standardised are stored standardised. Default: false. */
  readonly folded?: boolean;
}

/**
 * A model being recorded: layers add their nodes to the graph and their declarations to `specs`. A parameter's name is the
 * graph's scope at the time plus its own, as in PyTorch's modules; record a model outside of any scope.
 */
export class Recording {
  readonly graph: Graph;
  readonly training: boolean;
  readonly folded: boolean;
  /** Name → declaration, in order of recording. */
  readonly specs = new Map<string, ParameterSpec>();
  readonly dropPaths: DropPath[] = [];
  private readonly skip: ReadonlySet<string>;

  constructor(graph: Graph, { training, skip, folded }: RecordingOptions) {
    this.graph = graph;
    this.training = training;
    this.skip = skip ?? new Set();
    this.folded = folded ?? false;
  }

  /** Records `body` as the module `name`. */
  scoped<T>(name: string, body: () => T): T {
    return this.graph.scoped(name, body);
  }

  /** Records the module `name` and makes its output a tap. */
  tapped(name: string, body: () => Tensor): Tensor {
    return this.scoped(name, () => this.graph.tap(this.graph.scope, body()));
  }

  /** A residual block: a tapped module that can be left out, or recomputed as a whole. */
  block(name: string, x: Tensor, body: (x: Tensor) => Tensor): Tensor {
    return this.tapped(name, () => {
      if (this.skip.has(this.graph.scope)) return x;
      return this.graph.asBlock(() => body(x));
    });
  }

  /** The same within the current module, whose parameters it has: one half of a transformer's block, `blocks.0.attn`. */
  half(name: string, x: Tensor, body: (x: Tensor) => Tensor): Tensor {
    const path = `${this.graph.scope}.${name}`;
    return this.graph.tap(path, this.skip.has(path) ? x : this.graph.asBlock(() => body(x), path));
  }

  /**
   * Declares and returns a trained tensor of the current module.
   * @param options.decays whether weight decay acts on it; default: not on vectors and biases
   */
  parameter(
    leaf: string,
    shape: readonly number[],
    init: Initializer,
    options: { readonly decays?: boolean } = {},
  ): Tensor {
    return this.graph.parameter(this.declare(leaf, shape, 'parameter', init, options), shape);
  }

  /** Declares a trained tensor of the current module and returns its pieces: equal ones along the first dimension. */
  parameterParts(
    leaf: string,
    shape: readonly number[],
    init: Initializer,
    parts: number,
    options: Pick<ParameterSpec, 'standardEps'> = {},
  ): Tensor[] {
    const name = this.declare(leaf, shape, 'parameter', init, {
      ...options,
      ...(parts > 1 ? { parts } : {}),
    });
    const [rows = 0, ...rest] = shape;
    return partNames(name, parts).map((part) => this.graph.parameter(part, [rows / parts, ...rest]));
  }

  /** Declares and returns a tensor of the current module that is saved with the others but never trained. */
  frozen(leaf: string, shape: readonly number[], init: Initializer): Tensor {
    return this.graph.state(this.declare(leaf, shape, 'state', init, { frozen: true }), shape);
  }

  /** `running_mean` (c) and `running_var` (c) of the current module, and its `num_batches_tracked`. */
  runningStatistics(c: number): [mean: Tensor, variance: Tensor] {
    const mean = this.graph.state(this.declare('running_mean', [c], 'state', ZERO), [c]);
    const variance = this.graph.state(this.declare('running_var', [c], 'state', ONE), [c]);
    this.declare('num_batches_tracked', [], 'counter', ZERO);
    return [mean, variance];
  }

  /** The mask (n) of the current module's residual branch, or undefined where nothing is dropped. */
  dropPath(rate: number, n: number): Tensor | undefined {
    if (!this.training || rate === 0) return undefined;
    const input = `drop-path.${this.graph.scope}`;
    this.dropPaths.push({ input, rate });
    return this.graph.input(input, f32(n));
  }

  private declare(
    leaf: string,
    shape: readonly number[],
    kind: ParameterSpec['kind'],
    init: Initializer,
    options: Partial<Pick<ParameterSpec, 'decays' | 'frozen' | 'parts' | 'standardEps'>> = {},
  ): string {
    const name = this.graph.scope === '' ? leaf : `${this.graph.scope}.${leaf}`;
    const rest = { decays: kind === 'parameter' && decays(name, shape.length), ...options };
    this.specs.set(name, { name, shape, kind, init, ...rest });
    return name;
  }
}
