import type { DeviceLimits, DeviceProfile } from '../device/profile.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { type Node, type Tensor, specsOf } from '../graph/graph.ts';
import {
  type BoundDispatch,
  type LowerContext,
  type Scratch,
  type Slot,
  type Variant,
  contextOf,
  lowerOp,
} from '../ops/kernels.ts';
import { type Cost, mapNamed } from '../ops/op.ts';
import { bytesOf, showShape } from '../ops/tensor.ts';
import { type Interval, assignPool, makeInterval, peakBytes } from './memory.ts';
import { kernelsOf } from './kernels.ts';

/** Where a binding of a planned dispatch lives. */
export type Place =
  | { readonly kind: 'pool'; readonly buffer: number; readonly offset: number; readonly bytes: number }
  | { readonly kind: 'tensor'; readonly tensor: Tensor; readonly bytes: number };

/** A pool buffer, and a byte of it. */
export interface Placement {
  readonly buffer: number;
  readonly offset: number;
}

export interface PlacedDispatch {
  readonly dispatch: BoundDispatch;
  /** Where each bound tensor lies, by the shader's names. */
  readonly places: Readonly<Record<string, Place>>;
}

export interface PlannedStep {
  readonly node: Node;
  readonly variant: Variant;
  readonly cost: Cost;
  readonly dispatches: readonly PlacedDispatch[];
}

/** A graph turned into dispatches over shared buffers; made without a device. */
export interface Plan {
  readonly steps: readonly PlannedStep[];
  /** Sizes of the pool's buffers in bytes, shared by values. */
  readonly buffers: readonly number[];
  /** Value tensor id → where it lies in the pool. */
  readonly placement: ReadonlyMap<number, Placement>;
  /** Inputs the steps read, each with a buffer of its own. */
  readonly inputs: readonly Tensor[];
  /** Most bytes of values alive at once: no assignment of buffers can need less. */
  readonly lowerBoundBytes: number;
  /** The largest value tensors, largest first. */
  readonly largest: readonly { readonly tensor: Tensor; readonly bytes: number }[];
}

/** Picks one of an op's variants; the autotuner's hook. The default takes the op's first. */
export type ChooseVariant = (
  node: Node,
  context: LowerContext<unknown>,
  variants: readonly Variant[],
) => Variant;

export interface PlanOptions {
  readonly profile: DeviceProfile;
  /** Values that are read after a run: losses, logits, taps. */
  readonly kept: readonly Tensor[];
  readonly choose?: ChooseVariant;
}

/** Lowers every node and assigns every value and scratch tensor to a shared buffer. */
export function planNodes(nodes: readonly Node[], options: PlanOptions): Plan {
  const values = new Map<number, Interval>();
  const tensors = new Map<number, Tensor>();
  const scratch = new Map<Scratch, Interval>();
  const lowered = nodes.map((node, step) => {
    for (const tensor of Object.values(node.outputs)) {
      if (tensor.kind !== 'value') continue;
      const earlier = values.get(tensor.id); // a value that several nodes add to
      if (earlier !== undefined) {
        use(earlier, step);
        continue;
      }
      tensors.set(tensor.id, tensor);
      values.set(tensor.id, makeInterval(checkedBytes(tensor, options.profile.limits), step));
    }
    for (const tensor of Object.values(node.inputs)) {
      const interval = values.get(tensor.id);
      if (interval !== undefined) use(interval, step);
      else if (tensor.kind === 'value')
        throw new FrameworkError('graph/order', `${node.op.name} reads ${tensor.name} before it is made.`);
    }
    const result = lowerNode(node, options);
    for (const slot of result.lowering.scratch) scratch.set(slot, makeInterval(bytesOf(slot.spec), step));
    return result;
  });
  for (const tensor of options.kept) {
    const interval = values.get(tensor.id);
    if (interval !== undefined) interval.to = nodes.length;
  }
  const all = [...values.values(), ...scratch.values()];
  const buffers = assignPool(all);
  const steps = nodes.map((node, i): PlannedStep => {
    const { lowering, variant } = defined(lowered[i], 'lowering');
    const context = { node, values, scratch };
    return {
      node,
      variant,
      cost: node.op.cost(specsOf(node.inputs), specsOf(node.outputs), node.attrs),
      dispatches: lowering.dispatches.map((dispatch) => ({ dispatch, places: placesOf(dispatch, context) })),
    };
  });
  const inputs = new Set(
    nodes.flatMap((node) => Object.values(node.inputs)).filter(({ kind }) => kind === 'input'),
  );
  return {
    steps,
    buffers,
    placement: new Map([...values].map(([id, { buffer, offset }]) => [id, { buffer, offset }])),
    inputs: [...inputs],
    lowerBoundBytes: peakBytes(all, nodes.length),
    largest: [...values]
      .map(([id, { bytes }]) => ({ tensor: defined(tensors.get(id), 'tensor'), bytes }))
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, 10),
  };
}

function use(interval: Interval, step: number): void {
  interval.to = step;
  interval.uses.push(step);
}

function checkedBytes(tensor: Tensor, limits: DeviceLimits): number {
  const bytes = bytesOf(tensor.spec);
  const limit = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (bytes <= limit) return bytes;
  throw new FrameworkError(
    'plan/too-large',
    `${tensor.name} ${showShape(tensor.spec.shape)} needs ${bytes} bytes, but one binding holds at most ${limit} on this adapter.`,
    { hint: 'Use a smaller batch.micro.' },
  );
}

/** The context in which a node is lowered. */
export function contextOfNode(node: Node, profile: DeviceProfile): LowerContext<unknown> {
  const { inputs, outputs, attrs, accumulates } = node;
  return contextOf({ inputs: specsOf(inputs), outputs: specsOf(outputs), attrs, accumulates }, profile);
}

function lowerNode(node: Node, options: PlanOptions) {
  const context = contextOfNode(node, options.profile);
  const kernels = kernelsOf(node.op);
  const variants = kernels.variants(context);
  const variant =
    options.choose?.(node, context, variants) ?? defined(variants[0], `variant of ${node.op.name}`);
  return { variant, lowering: lowerOp(kernels, context, variant) };
}

interface PlaceContext {
  readonly node: Node;
  readonly values: ReadonlyMap<number, Interval>;
  readonly scratch: ReadonlyMap<Scratch, Interval>;
}

function placesOf({ bindings }: BoundDispatch, context: PlaceContext): Record<string, Place> {
  return mapNamed(bindings, ({ slot }) => placeOf(slot, context));
}

function placeOf(slot: Slot, { node, values, scratch }: PlaceContext): Place {
  if (slot.kind === 'scratch') {
    const { buffer, offset, bytes } = defined(scratch.get(slot), `scratch of ${node.op.name}`);
    return { kind: 'pool', buffer, offset, bytes };
  }
  const { kind, name } = slot;
  const tensor = defined((kind === 'input' ? node.inputs : node.outputs)[name], `${name} of ${node.op.name}`);
  const interval = values.get(tensor.id);
  const bytes = bytesOf(tensor.spec);
  return interval === undefined
    ? { kind: 'tensor', tensor, bytes }
    : { kind: 'pool', buffer: interval.buffer, offset: interval.offset, bytes };
}
