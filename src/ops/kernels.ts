import type { DeviceProfile } from '../device/profile.ts';
import type { Bound } from '../shader/bindings.ts';
import type { ParamValue } from '../shader/parameters.ts';
import type { Op } from './op.ts';
import type { TensorSpec } from './tensor.ts';

/** How an op is computed: the contract of each op's `kernels.ts`. */

/** What a kernel binds: one of the node's tensors, or scratch memory of its own. */
export interface Slot {
  readonly kind: 'input' | 'output' | 'scratch';
  readonly index: number;
  /** An output is added to instead of overwritten. */
  readonly accumulate?: boolean;
}

export const input = (index: number): Slot => ({ kind: 'input', index });
/** @param accumulate adds to what the output holds */
export const output = (index: number, accumulate?: boolean): Slot => ({
  kind: 'output',
  index,
  accumulate: accumulate === true,
});
export const scratch = (index: number): Slot => ({ kind: 'scratch', index });

/** One compute dispatch. */
export interface Dispatch {
  /** Path below `shaders/`. */
  readonly shader: string;
  readonly params: Readonly<Record<string, ParamValue>>;
  /** By the names that the shader declares with `#bind`; undefined for what it can do without. */
  readonly bindings: Readonly<Record<string, Slot | undefined>>;
  readonly grid: readonly [number, number, number];
}

export interface Lowering {
  /** Buffers that live for this node only, in order of `scratch(i)`. */
  readonly scratch: readonly TensorSpec[];
  readonly dispatches: readonly Dispatch[];
}

/** A dispatch that knows how everything it binds is stored. */
export interface BoundDispatch extends Dispatch {
  readonly bindings: Readonly<Record<string, Slot & Bound>>;
}

export interface BoundLowering extends Lowering {
  readonly dispatches: readonly BoundDispatch[];
}

/** A choice among ways to compute an op: plain data, so that it can be a cache key, a test label and a profile label. */
export type Variant = Readonly<Record<string, string | number | boolean>>;

export function variantLabel(variant: Variant): string {
  return Object.entries(variant)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** Where and for what an op is lowered. */
export interface LowerContext<A> {
  /** What variants are chosen by. */
  readonly profile: DeviceProfile;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly attrs: A;
  /** Per output: add to what is there (parameter gradients) instead of overwriting. Only ops with `accumulates` see true. */
  readonly accumulate: readonly boolean[];
}

/** The ways to compute an op. */
export interface Kernels<A, V extends Variant = Variant> {
  readonly op: Op<A>;
  /** The ways to compute this shape on this device, best guess first. Never empty; all within the op's tolerance. */
  variants(context: LowerContext<A>): readonly V[];
  lower(context: LowerContext<A>, variant: V): Lowering;
}

/** Kernels of an op whose attributes are not known statically; what the registry holds. */
export type AnyKernels = Kernels<unknown>;

/** The variant of ops that are computed in one way. */
export type Plain = { readonly kind: 'plain' };

export const onlyPlain = (): readonly Plain[] => [{ kind: 'plain' }];

/** Lowers one application of an op, and notes which of its tensors are stored in 16 bits. */
export function lowerOp<A>(kernels: Kernels<A>, context: LowerContext<A>, variant: Variant): BoundLowering {
  const { scratch, dispatches } = kernels.lower(context, variant);
  const specs = { input: context.inputs, output: context.outputs, scratch };
  const bound = (slot: Slot) => ({ ...slot, half: specs[slot.kind][slot.index]?.dtype === 'f16' });
  return {
    scratch,
    dispatches: dispatches.map((dispatch) => ({
      ...dispatch,
      bindings: mapBindings(dispatch.bindings, bound),
    })),
  };
}

/** What `change` makes of each tensor that is bound. */
export function mapBindings<S extends Slot>(
  bindings: Dispatch['bindings'],
  change: (slot: Slot) => S,
): Record<string, S> {
  return Object.fromEntries(
    Object.entries(bindings).flatMap(([name, slot]) => (slot === undefined ? [] : [[name, change(slot)]])),
  );
}
