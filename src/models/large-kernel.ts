import { batchNorm, depthwise } from '../nn/layers.ts';
import { ZERO, type Initializer } from '../nn/parameters.ts';
import type { Recording } from '../nn/recording.ts';
import type { Tensor } from '../graph/graph.ts';
import { add } from '../ops/add/op.ts';

/**
 * The re-parameterised depthwise convolution of RepLKNet (Ding et al. 2022) and SLaK (Liu et al. 2023): parallel branches, each with
 * its own BatchNorm, summed without activation. At inference they are one convolution with bias (merge.ts).
 */
export interface LargeKernelOptions {
  readonly kernel: number;
  /** Width of the two strips, strips×kernel and kernel×strips, that stand in place of kernel×kernel; null for none. */
  readonly strips?: number | null;
  /** Size of the small kernel beside the large one, or null for none. */
  readonly small: number | null;
  readonly bn?: boolean;
  readonly merged: boolean;
  /** Default: PyTorch's. */
  readonly init?: Initializer;
}

/** x (n, c, h, w) → same shape. Recorded as the module `large_kernel`. */
export function largeKernel(r: Recording, x: Tensor, options: LargeKernelOptions): Tensor {
  const { kernel, strips = null, small, merged, init, bn = true } = options;
  const weight = init === undefined ? {} : { init };
  const branch = (name: string, kh: number, kw: number) =>
    r.scoped(name, () => {
      const y = depthwise(r, 'conv', x, [kh, kw], { ...weight, bias: false });
      return bn ? batchNorm(r, 'bn', y) : y;
    });
  return r.scoped('large_kernel', () => {
    if (merged) return depthwise(r, 'lkb_reparam', x, [kernel, kernel], { ...weight, bias: ZERO });
    const branches =
      strips === null
        ? [branch('lkb_origin', kernel, kernel)]
        : [branch('LoRA1', kernel, strips), branch('LoRA2', strips, kernel)];
    if (small !== null) branches.push(branch('small_conv', small, small));
    return branches.reduce((sum, y) => r.graph.one(add, [sum, y], {}));
  });
}
