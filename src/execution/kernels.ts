import type { AnyKernels } from '../ops/kernels.ts';
import type { AnyOp } from '../ops/op.ts';
import * as registry from '../ops/registry.ts';
import { FrameworkError } from '../util/errors.ts';

const all: readonly AnyKernels[] = Object.values(registry).flat();

/** Every op of the project: `largekernel kernels` lists them, `largekernel doctor` proves them on the user's adapter. */
export const OPS: readonly AnyOp[] = all.map(({ op }) => op);

const byOp = new Map<AnyOp, AnyKernels>(all.map((kernels) => [kernels.op, kernels]));

/** How an op of the registry is computed. */
export function kernelsOf(op: AnyOp): AnyKernels {
  const found = byOp.get(op);
  if (found !== undefined) return found;
  throw new FrameworkError('graph/kernels', `${op.name} has no kernels.`, {
    hint: 'Give it a line in src/ops/registry.ts.',
  });
}
