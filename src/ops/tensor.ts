import { FrameworkError } from '../util/errors.ts';

/** Tensors as ops see them: shapes, types, and the origin of symbolic ones. No data. */

export type DType = 'f32' | 'f16' | 'u32';

export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Where a tensor's memory lives.
 * - `input`: written by the host before a run
 * - `parameter`, `state`: members of flat stores, or ranges of them (state: running statistics, not trained)
 * - `gradient`: the accumulated gradient of a parameter, in the store parallel to the parameters
 * - `value`: made by a node; the planner finds memory for it
 */
export type TensorKind = 'input' | 'parameter' | 'state' | 'gradient' | 'value';

/** Where a tensor that outlives a run is stored: in a store of flat vectors, as a member (by name) or a whole range (by number). */
export interface Stored {
  readonly store: string;
  readonly member: string | number;
}

/** The names that the pieces of a member of a store are found by; its own where it is whole. */
export function partNames(name: string, parts = 1): readonly string[] {
  return parts === 1
    ? [name]
    : Array.from({ length: parts }, (_, i) => `${name} (part ${i + 1} of ${parts})`);
}

/** A symbolic tensor: a shape and where it comes from, no data. */
export interface Tensor {
  readonly id: number;
  readonly kind: TensorKind;
  readonly spec: TensorSpec;
  /** Absent for inputs and values. */
  readonly stored?: Stored;
  /** PyTorch's name for parameters and state; a tap's or input's name; otherwise for error messages only. */
  readonly name: string;
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

/** A spec of this shape with the type of `other`: an op makes activations of activations. */
export function like(other: TensorSpec | undefined, ...shape: number[]): TensorSpec {
  return { shape, dtype: other?.dtype ?? 'f32' };
}

/** `(2, 3, 4)` */
export function showShape(shape: readonly number[]): string {
  return `(${shape.join(', ')})`;
}

export function shapeError(op: string, message: string, hint?: string): FrameworkError {
  return new FrameworkError('graph/shape', `${op}: ${message}.`, hint === undefined ? {} : { hint });
}

/** Throws unless `spec` has exactly this shape. */
export function expectShape(op: string, name: string, spec: TensorSpec, shape: readonly number[]): void {
  if (showShape(spec.shape) !== showShape(shape))
    throw shapeError(op, `${name} is ${showShape(spec.shape)}, expected ${showShape(shape)}`);
}
