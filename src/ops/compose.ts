import type { DeviceProfile } from '../device/profile.ts';
import { defined } from '../util/errors.ts';
import {
  type Dispatch,
  type Kernels,
  type LowerContext,
  type Lowering,
  type Slot,
  mapBindings,
  scratch,
} from './kernels.ts';
import type { TensorSpec } from './tensor.ts';

/** A tensor of a composed op: where it lies, and the shape it is read as. */
export interface Operand {
  readonly slot: Slot;
  readonly spec: TensorSpec;
}

/** Builds the lowering of an op from the lowerings of others, which pass values on in scratch. */
export class Composition implements Lowering {
  readonly scratch: TensorSpec[] = [];
  readonly dispatches: Dispatch[] = [];
  private readonly profile: DeviceProfile;

  constructor(profile: DeviceProfile) {
    this.profile = profile;
  }

  /** A value that lives for this op only. */
  allocate(spec: TensorSpec): Operand {
    this.scratch.push(spec);
    return { slot: scratch(this.scratch.length - 1), spec };
  }

  /** Appends an op, by its first variant, from `inputs` to its one output `to`. */
  apply<A>(kernels: Kernels<A>, inputs: readonly Operand[], attrs: A, to: Slot): void {
    const specs = inputs.map(({ spec }) => spec);
    const context: LowerContext<A> = {
      profile: this.profile,
      inputs: specs,
      outputs: kernels.op.infer(specs, attrs),
      attrs,
      accumulate: [to.accumulate === true],
    };
    const lowering = kernels.lower(context, defined(kernels.variants(context)[0], 'variant'));
    const first = this.scratch.length;
    this.scratch.push(...lowering.scratch);
    const moved = (slot: Slot): Slot => {
      if (slot.kind === 'scratch') return scratch(slot.index + first);
      if (slot.kind === 'output') return { ...to, accumulate: slot.accumulate === true };
      return defined(inputs[slot.index], 'operand').slot;
    };
    for (const dispatch of lowering.dispatches)
      this.dispatches.push({ ...dispatch, bindings: mapBindings(dispatch.bindings, moved) });
  }
}
