import type { AnyKernels, Kernels } from '../ops/kernels.ts';
import type { AnyOp, Op } from '../ops/op.ts';
import * as registry from '../ops/registry.ts';
import { FrameworkError } from '../util/errors.ts';

const all: readonly AnyKernels[] = Object.values(registry).flat();

/** Every op of the project: `largekernel kernels` lists them, `largekernel doctor` proves them on the user's adapter. */
export const OPS: readonly AnyOp[] = all.map(({ op }) => op);

const byOp = new Map<AnyOp, AnyKernels>(all.map((kernels) => [kernels.op, kernels]));

/** How an op of the registry is computed. */
export function kernelsOf<A>(op: Op<A>): Kernels<A> {
  const found = byOp.get(op);
  if (found !== undefined) return found as Kernels<A>;
  throw new FrameworkError('graph/kernels', `${op.name} has no kernels.`, {
    hint: 'Give it a line in src/ops/registry.ts.',
  });
}
