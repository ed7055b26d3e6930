import type { Shapes } from '../formats/names.ts';
import { batchNorm, depthwise } from '../nn/layers.ts';
import { ZERO, type Initializer } from '../nn/parameters.ts';
import type { Recording } from '../nn/recording.ts';
import type { Tensor } from '../graph/graph.ts';
import { extentsOf } from './recognise.ts';
import { add } from '../ops/add/op.ts';

/**
 * The re-parameterised depthwise convolution of RepLKNet (Ding et al. 2022) and SLaK (Liu et al. 2023): parallel branches, each with
 * its own BatchNorm, summed without activation. At inference they are one convolution with bias (merge.ts).
 */
export interface LargeKernelOptions {
  readonly kernel: number;
  /** Width of the two strips, strips×kernel and kernel×strips, that replace kernel×kernel; null for none. */
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
    return branches.reduce((sum, y) => r.graph.one(add, { a: sum, b: y }, {}));
  });
}

/** Options of the large kernels, as a state dict shows them. */
export interface LargeKernelsFound {
  readonly kernels: readonly number[];
  readonly merged: boolean;
  readonly smallKernel?: number | 'none';
  readonly decomposed?: boolean;
  readonly bn?: boolean;
}

/** The same, from the first block of each stage. */
export function recogniseLargeKernels(
  shapes: Shapes,
  blocks: readonly string[],
): LargeKernelsFound | undefined {
  const modules = blocks.map((block) => `${block}.large_kernel`);
  const sizes = (leaf: string) =>
    extentsOf(
      shapes,
      modules.map((module) => `${module}.${leaf}`),
      2,
    );
  const merged = sizes('lkb_reparam.weight');
  if (merged !== undefined) return { kernels: merged, merged: true };
  const strips = sizes('LoRA1.conv.weight');
  const kernels = strips ?? sizes('lkb_origin.conv.weight');
  if (kernels === undefined) return undefined;
  const small = modules
    .flatMap((module) => [
      shapes.get(`${module}.small_conv.conv.weight`)?.at(2),
      shapes.get(`${module}.LoRA1.conv.weight`)?.at(3),
    ])
    .find((size) => size !== undefined);
  const main = strips === undefined ? 'lkb_origin' : 'LoRA1';
  return {
    kernels,
    merged: false,
    smallKernel: small ?? 'none',
    decomposed: strips !== undefined,
    bn: shapes.has(`${modules[0] ?? ''}.${main}.bn.weight`),
  };
}
