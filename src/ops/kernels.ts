import type { DeviceLimits } from '../device/device.ts';
import type { ParamValue } from '../shader/expression.ts';
import type { Op } from './op.ts';
import type { TensorSpec } from './tensor.ts';

/** How an op is computed: the contract of each op's `kernels.ts`. */

/** What a kernel binds: one of the node's tensors, or scratch memory of its own. */
export interface Slot {
  readonly kind: 'input' | 'output' | 'scratch';
  readonly index: number;
}

export const input = (index: number): Slot => ({ kind: 'input', index });
export const output = (index: number): Slot => ({ kind: 'output', index });
export const scratch = (index: number): Slot => ({ kind: 'scratch', index });

/** What a dispatch binds in group 0: by the names that its shader declares, or, where it declares none, in order. */
export type Bindings = Readonly<Record<string, Slot>> | readonly Slot[];

/** One compute dispatch. A shader must use every one of its bindings. */
export interface Dispatch {
  /** Path below `shaders/`. */
  readonly shader: string;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly bindings: Bindings;
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

/** Lowers one application of an op, and notes what it binds that is stored in 16 bits. */
export function lowerOp<A>(kernels: Kernels<A>, context: LowerContext<A>, variant: Variant): Lowering {
  const { scratch, dispatches } = kernels.lower(context, variant);
  const specs = { input: context.inputs, output: context.outputs, scratch };
  const isHalf = ({ kind, index }: Slot) => specs[kind][index]?.dtype === 'f16';
  return {
    scratch,
    dispatches: dispatches.map((dispatch) => ({
      ...dispatch,
      half: Object.values(dispatch.bindings).flatMap((slot, i) => (isHalf(slot) ? [i] : [])),
    })),
  };
}

/** `bindings` with every slot replaced by what `change` makes of it. */
export function mapBindings(bindings: Bindings, change: (slot: Slot) => Slot): Bindings {
  if (isOrdered(bindings)) return bindings.map(change);
  return Object.fromEntries(Object.entries(bindings).map(([name, slot]) => [name, change(slot)]));
}

function isOrdered(bindings: Bindings): bindings is readonly Slot[] {
  return Array.isArray(bindings);
}
