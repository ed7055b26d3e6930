import type { Tensor } from './tensor.ts';
import { type TensorSpec, bytesOf } from './tensor.ts';

/**
 * What an op means: its shape rule, its cost, its gradient and its formula. Nothing here knows devices or shaders; how an op is computed
 * is said in its `kernels.ts` (src/ops/kernels.ts is that contract).
 */

/** What an op costs, for plans and for rates. */
export interface Cost {
  /** Multiply-accumulates over the full zero-padded window, as papers count them. */
  readonly macs: number;
  /** Multiply-accumulates that touch data; never more than `macs`. */
  readonly liveMacs: number;
  /** Bytes read and written when every operand crosses memory once. */
  readonly bytes: number;
}

/** Cost of an op that only moves data. */
export function memoryCost(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): Cost {
  const bytes = [...inputs, ...outputs].reduce((sum, spec) => sum + bytesOf(spec), 0);
  return { macs: 0, liveMacs: 0, bytes };
}

/** Attributes of an op that has none. */
export type None = Readonly<Record<string, never>>;

/** A small case at an awkward shape; `largekernel doctor` runs it on the user's adapter. */
export interface Example<A> {
  readonly inputs: readonly TensorSpec[];
  readonly attrs: A;
  /** Data of inputs, by index, that standard normal numbers do not suit. */
  readonly data?: Readonly<Record<number, Float64Array>>;
}

/** What a gradient rule appends nodes to. */
export interface Recorder {
  /** Records one node and returns its outputs. */
  apply<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[];
  /** Records one node of an op with a single output. */
  one<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor;
}

/** One application of an op to symbolic tensors. */
export interface Application<A> {
  readonly attrs: A;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

export interface Op<A> {
  readonly name: string;
  readonly examples: readonly Example<A>[];
  /** The one place where shapes are checked; returns the outputs' specs or throws `shapeError`. */
  infer(inputs: readonly TensorSpec[], attrs: A): readonly TensorSpec[];
  cost(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[], attrs: A): Cost;
  /**
   * The op in float64, by its formula. Inputs and results are row-major; `inputs` that the op mutates are updated in place.
   */
  reference(inputs: readonly Float64Array[], specs: readonly TensorSpec[], attrs: A): readonly Float64Array[];
  /**
   * Builds the gradient as graph nodes.
   * @param dys gradients of the outputs; undefined where nothing depends on that output
   * @returns one gradient for each input; undefined where none flows or `needs[i]` is false
   */
  gradient?(
    graph: Recorder,
    node: Application<A>,
    dys: readonly (Tensor | undefined)[],
    needs: readonly boolean[],
  ): readonly (Tensor | undefined)[];
  /** Inputs that the op updates in place (running statistics). */
  readonly mutates?: readonly number[];
  /** Outputs that can be added to memory instead of written (`LowerContext.accumulate`). */
  readonly accumulates?: readonly number[];
}

/** An op whose attributes are not known statically; what registries and graphs hold. */
export type AnyOp = Op<unknown>;
