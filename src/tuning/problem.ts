import { createHash } from 'node:crypto';
import { expandShader, withoutComments } from '../shader/template.ts';
import { type Plan, contextOfNode } from '../execution/plan.ts';
import {
  type AnyKernels,
  type BoundDispatch,
  type LowerContext,
  type Variant,
  lowerOp,
} from '../ops/kernels.ts';
import { type AnyOp, inOrder } from '../ops/op.ts';
import { showShape } from '../ops/tensor.ts';
import { kernelsOf } from '../execution/kernels.ts';
import type { DeviceProfile } from '../device/profile.ts';

/** An op at given shapes that can be computed in more than one way. */
export interface Problem {
  /** Op, shapes and types, attributes, which outputs are added to: the same on every device. */
  readonly key: string;
  readonly kernels: AnyKernels;
  readonly context: LowerContext<unknown>;
  /** Best guess first. */
  readonly variants: readonly Variant[];
  /** What the plan uses. */
  readonly planned: Variant;
  /** Nodes of the plans that are this problem. */
  readonly count: number;
}

/** The distinct problems of some plans, in their order. */
export function problemsOf(plans: readonly Plan[], profile: DeviceProfile): Problem[] {
  const problems = new Map<string, Problem>();
  for (const { node, variant: planned } of plans.flatMap(({ steps }) => steps)) {
    const kernels = kernelsOf(node.op);
    const context = contextOfNode(node, profile);
    const key = keyOf(node.op, context);
    const known = problems.get(key);
    const variants = known?.variants ?? kernels.variants(context);
    if (variants.length < 2) continue;
    problems.set(key, { key, kernels, context, variants, planned, count: (known?.count ?? 0) + 1 });
  }
  return [...problems.values()];
}

/** `depthwise x=f32(2, 96, 56, 56) weight=f32(96, 1, 31, 31) {}`, with `dweight+=` where an output is added to. */
export function keyOf(op: AnyOp, { inputs, outputs, attrs }: LowerContext<unknown>): string {
  const shapes = Object.entries(inOrder(op.inputs, inputs)).map(
    ([name, { dtype, shape }]) => `${name}=${dtype}${showShape(shape)}`,
  );
  const adds = Object.entries(inOrder(op.outputs, outputs)).flatMap(([name, { slot }]) =>
    slot.kind === 'output' && slot.accumulate ? [`${name}+=`] : [],
  );
  return [op.name, ...shapes, JSON.stringify(attrs), ...adds].join(' ');
}

/**
 * A hash of everything the variants would run: their list, shader texts (comments aside), grids and bindings. A stored choice is valid
 * while this hash stays the same.
 */
export function fingerprintOf({
  kernels,
  context,
  variants,
}: Pick<Problem, 'kernels' | 'context' | 'variants'>): string {
  const hash = createHash('sha256');
  for (const variant of variants) {
    const { scratch, dispatches } = lowerOp(kernels, context, variant);
    hash.update(JSON.stringify([variant, scratch]));
    for (const dispatch of dispatches) {
      hash.update(JSON.stringify([dispatch.bindings, dispatch.grid]));
      hash.update(withoutComments(textOf(dispatch)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** The WGSL of a dispatch. */
export function textOf({ shader, params, bindings }: BoundDispatch): string {
  return expandShader(shader, params, bindings).code;
}

export function isSameVariant(a: Variant, b: Variant): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
