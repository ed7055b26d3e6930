import { FrameworkError, defined } from '../util/errors.ts';

/**
 * Structural re-parameterisation: the branches of a trained large kernel, each a bias-free depthwise convolution with
 * BatchNorm, become one biased convolution at inference. With t = γ / √(running_var + ε), a branch is W' = t W and
 * b' = β − running_mean t; smaller kernels are padded with zeros to the size of the large one. (RepLKNet, SLaK)
 */

export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export type StateDict = ReadonlyMap<string, NamedArray>;

const BRANCH_WEIGHT = /^((?:.*\.)?large_kernel)\.(lkb_origin|LoRA1|LoRA2|small_conv)\.conv\.weight$/;

/**
 * The inference form of a state dict: every `…large_kernel` with branches becomes `…large_kernel.lkb_reparam.{weight, bias}`,
 * computed in float64 (Float64Array); all other entries stay as they are. Branches without BatchNorm count as they are.
 * @throws FrameworkError `model/merge` when a branch is incomplete or there is nothing to merge
 */
export function mergeLargeKernels(state: StateDict, eps = 1e-5): Map<string, NamedArray> {
  const modules = new Map<string, string[]>();
  for (const name of state.keys()) {
    const [, module, branch] = BRANCH_WEIGHT.exec(name) ?? [];
    if (module === undefined || branch === undefined) continue;
    modules.set(module, [...(modules.get(module) ?? []), `${module}.${branch}`]);
  }
  if (modules.size === 0)
    throw new FrameworkError(
      'model/merge',
      `None of the ${state.size} entries is a branch of a large kernel.`,
      {
        hint: 'Only RepLKNet and the slak variant of ConvNeXt have branches to merge, and only before they are merged.',
      },
    );
  const merged = new Map([...state].filter(([name]) => !isBranch(name, modules)));
  for (const [module, branches] of modules) {
    const { weight, bias } = sumBranches(branches.map((branch) => foldBatchNorm(state, branch, eps)));
    merged.set(`${module}.lkb_reparam.weight`, weight);
    merged.set(`${module}.lkb_reparam.bias`, bias);
  }
  return merged;
}

function isBranch(name: string, modules: ReadonlyMap<string, readonly string[]>): boolean {
  for (const branches of modules.values())
    for (const branch of branches) if (name.startsWith(`${branch}.`)) return true;
  return false;
}

/** A biased depthwise convolution: weight (c, 1, kh, kw), bias (c). */
interface Depthwise {
  readonly c: number;
  readonly kh: number;
  readonly kw: number;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

function foldBatchNorm(state: StateDict, branch: string, eps: number): Depthwise {
  const { shape, data } = entry(state, `${branch}.conv.weight`);
  const [c = 0, , kh = 0, kw = 0] = shape;
  const weight = Float64Array.from(data);
  const bias = new Float64Array(c);
  if (!state.has(`${branch}.bn.weight`)) return { c, kh, kw, weight, bias };
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
    (leaf) => entry(state, `${branch}.bn.${leaf}`).data,
  ) as [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>, ArrayLike<number>];
  const taps = kh * kw;
  for (let channel = 0; channel < c; channel++) {
    const t = (gamma[channel] as number) / Math.sqrt((variance[channel] as number) + eps);
    bias[channel] = (beta[channel] as number) - (mean[channel] as number) * t;
    for (let i = channel * taps; i < (channel + 1) * taps; i++) weight[i] = (weight[i] as number) * t;
  }
  return { c, kh, kw, weight, bias };
}

function entry(state: StateDict, name: string): NamedArray {
  const found = state.get(name);
  if (found !== undefined) return found;
  throw new FrameworkError('model/merge', `Merging needs ${name}, which is not in the state dict.`, {
    hint: 'Merge a whole checkpoint of the training form.',
  });
}

function sumBranches(branches: readonly Depthwise[]): { weight: NamedArray; bias: NamedArray } {
  const kh = Math.max(...branches.map((branch) => branch.kh));
  const kw = Math.max(...branches.map((branch) => branch.kw));
  const { c } = defined(branches[0], 'first branch');
  const weight = new Float64Array(c * kh * kw);
  const bias = new Float64Array(c);
  for (const branch of branches) {
    const top = (kh - branch.kh) >> 1;
    const left = (kw - branch.kw) >> 1;
    branch.bias.forEach((value, i) => (bias[i] = (bias[i] as number) + value));
    branch.weight.forEach((value, i) => {
      const column = i % branch.kw;
      const row = Math.floor(i / branch.kw) % branch.kh;
      const channel = Math.floor(i / (branch.kw * branch.kh));
      const at = (channel * kh + row + top) * kw + column + left;
      weight[at] = (weight[at] as number) + value;
    });
  }
  return { weight: { shape: [c, 1, kh, kw], data: weight }, bias: { shape: [c], data: bias } };
}
