import type { DeviceProfile } from '../device/profile.ts';
import type { Bound } from '../shader/bindings.ts';
import type { ParamValue } from '../shader/parameters.ts';
import { type AnyName, type AnyOp, type Named, type Op, mapNamed } from './op.ts';
import type { TensorSpec } from './tensor.ts';

/** How an op is computed: the contract of each op's `kernels.ts`. */

/** Where a bound tensor lives: one of the node's tensors, by name, or scratch memory that lives as long as the node. */
export type Slot =
  | { readonly kind: 'input'; readonly name: string }
  /** `accumulate`: it is added to instead of overwritten. */
  | { readonly kind: 'output'; readonly name: string; readonly accumulate: boolean }
  | Scratch;

export interface Scratch {
  readonly kind: 'scratch';
  readonly spec: TensorSpec;
}

/** A tensor that kernels bind: its shape, how it is stored, and where it lies. */
export interface Operand extends TensorSpec {
  readonly slot: Slot;
}

/** Memory for a value between the dispatches of one node. */
export function scratch(spec: TensorSpec): Operand {
  return { ...spec, slot: { kind: 'scratch', spec } };
}

/** The same tensor, read as another shape of as many elements. */
export function reshaped(operand: Operand, ...shape: number[]): Operand {
  return { ...operand, shape };
}

/** One compute dispatch. */
export interface Dispatch {
  /** Path below `shaders/`. */
  readonly shader: string;
  readonly params: Readonly<Record<string, ParamValue>>;
  /** By the names that the shader declares with `#bind`; optional ones may be undefined. */
  readonly bindings: Readonly<Record<string, Operand | undefined>>;
  readonly grid: readonly [number, number, number];
}

/**
 * A choice among ways to compute an op: plain data, so that it can be a cache key, a test label and a profile label. Each op types its own.
 * Kernels made only for software adapters, where barriers are expensive, have the kind `processor` in every op.
 */
export type Variant = { readonly kind: string } & Readonly<Record<string, string | number | boolean>>;

export function variantLabel(variant: Variant): string {
  return Object.entries(variant)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** One application of an op to lower, and the device to lower it for. */
export interface LowerContext<A, I extends string = AnyName, O extends string = AnyName> {
  /** What variants are chosen by. */
  readonly profile: DeviceProfile;
  readonly inputs: Named<Operand, I>;
  readonly outputs: Named<Operand, O>;
  readonly attrs: A;
}

/** The context of an op's lowering. */
export type ContextOf<P extends AnyOp> =
  P extends Op<infer A, infer I, infer O> ? LowerContext<A, I, O> : never;

/** The ways to compute an op. */
export interface Kernels<P extends AnyOp, V extends Variant = Plain> {
  readonly op: P;
  /** The ways to compute this shape on this device, best guess first. Never empty; all within the op's tolerance. */
  variants(context: ContextOf<P>): readonly V[];
  /** What runs, in order. */
  lower(context: ContextOf<P>, variant: V): readonly Dispatch[];
}

/** Kernels of an op whose attributes are not known statically; what the registry holds. */
export type AnyKernels = Kernels<AnyOp, Variant>;

/** The variant of ops that are computed in one way. */
export type Plain = { readonly kind: 'plain' };

export const onlyPlain = (): readonly Plain[] => [{ kind: 'plain' }];

/** One application of an op, as a node describes it. */
export interface Shapes {
  readonly inputs: Readonly<Record<string, TensorSpec | undefined>>;
  readonly outputs: Readonly<Record<string, TensorSpec | undefined>>;
  readonly attrs: unknown;
  /** Names of outputs that accumulate. Default: none. */
  readonly accumulates?: readonly string[];
}

/** The context in which an op is lowered. */
export function contextOf(
  { inputs, outputs, attrs, accumulates = [] }: Shapes,
  profile: DeviceProfile,
): LowerContext<unknown> {
  const operands = (specs: Shapes['inputs'], slotOf: (name: string) => Slot) =>
    mapNamed(specs, ({ shape, dtype }, name): Operand => ({ shape, dtype, slot: slotOf(name) }));
  return {
    profile,
    inputs: operands(inputs, (name) => ({ kind: 'input', name })),
    outputs: operands(outputs, (name) => ({ kind: 'output', name, accumulate: accumulates.includes(name) })),
    attrs,
  };
}

/** A bound tensor and how it is stored. */
export type Binding = Bound & { readonly slot: Slot };

export interface BoundDispatch extends Omit<Dispatch, 'bindings'> {
  readonly bindings: Readonly<Record<string, Binding>>;
}

export interface Lowering {
  /** In the order in which they are first used. */
  readonly scratch: readonly Scratch[];
  readonly dispatches: readonly BoundDispatch[];
}

/** Lowers one application of an op, and notes which of its tensors are stored in 16 bits. */
export function lowerOp(kernels: AnyKernels, context: LowerContext<unknown>, variant: Variant): Lowering {
  const dispatches = kernels.lower(context, variant).map((dispatch) => ({
    ...dispatch,
    bindings: mapNamed(dispatch.bindings, ({ slot, dtype }): Binding => {
      return { slot, half: dtype === 'f16', accumulate: slot.kind === 'output' && slot.accumulate };
    }),
  }));
  const slots = dispatches.flatMap(({ bindings }) => Object.values(bindings).map(({ slot }) => slot));
  return { scratch: [...new Set(slots.filter((slot) => slot.kind === 'scratch'))], dispatches };
}
