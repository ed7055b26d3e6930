import type { DeviceLimits } from '../device/device.ts';
import { FrameworkError } from '../util/errors.ts';
import type { ParamValue } from '../shader/expression.ts';
import type { Graph, Node, Tensor } from '../graph/graph.ts';

/** The contract of an op: everything the graph, the planner, the tests and `largekernel plan` need to know about it. */

export type DType = 'f32' | 'f16' | 'u32';

export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export const BYTES: Readonly<Record<DType, number>> = { f32: 4, f16: 2, u32: 4 };

export function elems(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function bytesOf(spec: TensorSpec): number {
  return elems(spec.shape) * BYTES[spec.dtype];
}

export function f32(...shape: number[]): TensorSpec {
  return { shape, dtype: 'f32' };
}

/** Of `shape`, stored as `other` is: what an op makes of an activation is an activation. */
export function like(other: TensorSpec | undefined, ...shape: number[]): TensorSpec {
  return { shape, dtype: other?.dtype ?? 'f32' };
}

/** `(2, 3, 4)` */
export function showShape(shape: readonly number[]): string {
  return `(${shape.join(', ')})`;
}

/** What a kernel binds: one of the node's tensors, or scratch memory of its own. */
export interface Slot {
  readonly kind: 'input' | 'output' | 'scratch';
  readonly index: number;
}

export const input = (index: number): Slot => ({ kind: 'input', index });
export const output = (index: number): Slot => ({ kind: 'output', index });
export const scratch = (index: number): Slot => ({ kind: 'scratch', index });

/** One compute dispatch. Bindings are those of group 0, in order; a shader must use every one of them. */
export interface Dispatch {
  /** Path below `shaders/`. */
  readonly shader: string;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly bindings: readonly Slot[];
  readonly grid: readonly [number, number, number];
  /** Positions among `bindings` of tensors stored in 16 bits; `lowerOp` finds them. */
  readonly half?: readonly number[];
}

export interface Lowering {
  /** Buffers that live for this node only, in order of `scratch(i)`. */
  readonly scratch: readonly TensorSpec[];
  readonly dispatches: readonly Dispatch[];
}

/** A choice among ways to compute an op: plain data, so that it can be a cache key, a test label and a profile label. */
export type Variant = Readonly<Record<string, string | number | boolean>>;

export function variantLabel(variant: Variant): string {
  return Object.entries(variant)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

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

/** What of a device variants are chosen by. */
export interface DeviceTraits {
  readonly limits: DeviceLimits;
  readonly features: ReadonlySet<string>;
}

/** Where and for what an op is lowered. */
export interface LowerContext<A> extends DeviceTraits {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly attrs: A;
  /** Per output: add to what is there (parameter gradients) instead of overwriting. Only ops with `accumulates` see true. */
  readonly accumulate: readonly boolean[];
}

/** A small case at an awkward shape; `largekernel doctor` runs it on the user's adapter. */
export interface Example<A> {
  readonly inputs: readonly TensorSpec[];
  readonly attrs: A;
  /** Data of inputs, by index, that standard normal numbers do not suit. */
  readonly data?: Readonly<Record<number, Float64Array>>;
}

export interface Op<A> {
  readonly name: string;
  readonly examples: readonly Example<A>[];
  /** The one place where shapes are checked; returns the outputs' specs or throws `shapeError`. */
  infer(inputs: readonly TensorSpec[], attrs: A): readonly TensorSpec[];
  cost(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[], attrs: A): Cost;
  /** The ways to compute this shape on this device, best guess first. Never empty; all within the op's tolerance. */
  variants(context: LowerContext<A>): readonly Variant[];
  lower(context: LowerContext<A>, variant: Variant): Lowering;
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
    graph: Graph,
    node: Node<A>,
    dys: readonly (Tensor | undefined)[],
    needs: readonly boolean[],
  ): readonly (Tensor | undefined)[];
  /** Inputs that the op updates in place (running statistics). */
  readonly mutates?: readonly number[];
  /** Outputs that can be added to memory instead of written (`LowerContext.accumulate`). */
  readonly accumulates?: readonly number[];
}

/** Lowers one application of an op, and notes what it binds that is stored in 16 bits. */
export function lowerOp<A>(op: Op<A>, context: LowerContext<A>, variant: Variant): Lowering {
  const { scratch, dispatches } = op.lower(context, variant);
  const specs = { input: context.inputs, output: context.outputs, scratch };
  const isHalf = ({ kind, index }: Slot) => specs[kind][index]?.dtype === 'f16';
  return {
    scratch,
    dispatches: dispatches.map((dispatch) => ({
      ...dispatch,
      half: dispatch.bindings.flatMap((slot, i) => (isHalf(slot) ? [i] : [])),
    })),
  };
}

/** An op whose attributes are not known statically; what registries and graphs hold. */
export type AnyOp = Op<unknown>;

export function shapeError(op: string, message: string, hint?: string): FrameworkError {
  return new FrameworkError('graph/shape', `${op}: ${message}.`, hint === undefined ? {} : { hint });
}

/**
 * A grid for `groups` workgroups that stays below the limit of 65,535 a dimension: x, then y. Shaders recover the index as
 * `workgroup_id.x + workgroup_id.y * num_workgroups.x` and must guard against the surplus.
 */
export function flatGrid(groups: number, limit = 65535): readonly [number, number, number] {
  if (groups <= limit) return [Math.max(1, groups), 1, 1];
  const y = Math.ceil(groups / limit);
  return [Math.ceil(groups / y), y, 1];
}
