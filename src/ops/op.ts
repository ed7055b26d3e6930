import { FrameworkError } from '../util/errors.ts';
import type { Tensor } from './tensor.ts';
import { type TensorSpec, bytesOf } from './tensor.ts';

/**
 * What an op means: its operands by name, its shape rule, its cost, its gradient and its formula. Nothing here knows devices or shaders.
 * An op's `kernels.ts` says how it is computed (src/ops/kernels.ts is that contract).
 */

/** An operand's name without the `?` of those that may be left out. */
export type Name<N extends string> = N extends `${infer Plain}?` ? Plain : N;

/** A T for each operand, by name; operands whose name ends in `?` may be left out. */
export type Named<T, N extends string> = {
  readonly [K in N as K extends `${string}?` ? never : K]: T;
} & {
  readonly [K in N as K extends `${infer Plain}?` ? Plain : never]?: T | undefined;
};

/** Operands that are not known statically: any of them may be left out. */
export type AnyName = `${string}?`;

/** A T for some of the operands. */
export type Some<T, N extends string> = { readonly [K in Name<N>]?: T | undefined };

/** What an op costs, for plans and for rates. */
export interface Cost {
  /** Multiply-accumulates over the full zero-padded window, as papers count them. */
  readonly macs: number;
  /** Multiply-accumulates that touch data; never more than `macs`. */
  readonly liveMacs: number;
  /** Bytes read and written when every operand crosses memory once. */
  readonly bytes: number;
}

type Specs = Readonly<Record<string, TensorSpec | undefined>>;

/** Cost of an op that only moves data. */
export function memoryCost(inputs: Specs, outputs: Specs): Cost {
  const specs = [...Object.values(inputs), ...Object.values(outputs)];
  const bytes = specs.reduce((sum, spec) => sum + (spec === undefined ? 0 : bytesOf(spec)), 0);
  return { macs: 0, liveMacs: 0, bytes };
}

/** Attributes of an op that has none. */
export type None = Readonly<Record<string, never>>;

/** A small case at an awkward shape; `largekernel doctor` runs it on the user's adapter. */
export interface Example<A, I extends string = AnyName> {
  readonly inputs: Named<TensorSpec, I>;
  readonly attrs: A;
  /** Data of inputs that cannot be standard normal numbers. */
  readonly data?: Some<Float64Array, I>;
}

/** What a gradient rule appends nodes to. */
export interface Recorder {
  /** Records one node and returns its outputs. */
  apply<A, I extends string, O extends string>(
    op: Op<A, I, O>,
    inputs: Named<Tensor, I>,
    attrs: A,
  ): Named<Tensor, O>;
  /** Records one node and returns its first output. */
  one<A, I extends string, O extends string>(op: Op<A, I, O>, inputs: Named<Tensor, I>, attrs: A): Tensor;
}

/** One application of an op to symbolic tensors. */
export interface Application<A, I extends string = AnyName, O extends string = AnyName> {
  readonly attrs: A;
  readonly inputs: Named<Tensor, I>;
  readonly outputs: Named<Tensor, O>;
}

/**
 * An op with attributes A, inputs named I and outputs named O.
 * @example const linear: Op<None, 'x' | 'weight' | 'bias?', 'y'> = { name: 'linear', inputs: ['x', 'weight', 'bias?'], outputs: ['y'], … }
 */
export interface Op<A, I extends string = AnyName, O extends string = AnyName> {
  readonly name: string;
  /** In order; a name that ends in `?` may be left out. No input is called as an output is. */
  readonly inputs: readonly (I | Name<I>)[];
  readonly outputs: readonly (O | Name<O>)[];
  readonly examples: readonly Example<A, I>[];
  /** The one place where shapes are checked; returns the outputs' specs or throws `shapeError`. */
  infer(inputs: Named<TensorSpec, I>, attrs: A): Named<TensorSpec, O>;
  cost(inputs: Named<TensorSpec, I>, outputs: Named<TensorSpec, O>, attrs: A): Cost;
  /** The op in float64, by its formula. Inputs and results are row-major; inputs that the op mutates are updated in place. */
  reference(inputs: Named<Float64Array, I>, specs: Named<TensorSpec, I>, attrs: A): Named<Float64Array, O>;
  /**
   * Builds the gradient as graph nodes.
   * @param dys gradients of the outputs; left out where nothing depends on that output
   * @param needs the inputs whose gradient is wanted
   * @returns gradients of inputs; left out where none flows or none is wanted
   */
  gradient?(
    graph: Recorder,
    node: Application<A, I, O>,
    dys: Some<Tensor, O>,
    needs: ReadonlySet<Name<I>>,
  ): Some<Tensor, I>;
  /** Inputs that the op updates in place (running statistics). */
  readonly mutates?: readonly Name<I>[];
  /** Attributes with which a mutating op makes the same outputs but leaves its inputs alone. */
  pure?(attrs: A): A;
  /** Outputs that can accumulate into memory instead of overwriting it: gradients of parameters. */
  readonly accumulates?: readonly Name<O>[];
}

/** An op whose attributes and operands are not known statically; what registries and graphs hold. */
export type AnyOp = Op<unknown>;

/** The given tensors, specs or data in the order of `names`. */
export function inOrder<T>(
  names: readonly string[],
  given: Readonly<Record<string, T | undefined>>,
): Record<string, T> {
  return Object.fromEntries(
    names.flatMap((declared) => {
      const name = declared.replace('?', '');
      const value = given[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/**
 * The inputs of an op in their order.
 * @throws FrameworkError `graph/operands` if one is missing or is not the op's
 */
export function operandsOf<T>(op: AnyOp, given: Readonly<Record<string, T | undefined>>): Record<string, T> {
  const operands = inOrder(op.inputs, given);
  const missing = op.inputs.some((name) => !name.endsWith('?') && operands[name] === undefined);
  const names = Object.keys(given).filter((name) => given[name] !== undefined);
  if (missing || names.some((name) => operands[name] === undefined))
    throw new FrameworkError(
      'graph/operands',
      `${op.name} takes ${op.inputs.join(', ')}, got ${names.join(', ') || 'nothing'}.`,
    );
  return operands;
}

/** Applies `change` to every given operand; names stay. */
export function mapNamed<T, U>(
  named: Readonly<Record<string, T | undefined>>,
  change: (value: T, name: string, index: number) => U,
): Record<string, U> {
  return Object.fromEntries(
    Object.entries(named).flatMap(([name, value], index) =>
      value === undefined ? [] : [[name, change(value, name, index)]],
    ),
  );
}
