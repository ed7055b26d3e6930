import { channelStatistics } from '../batch-norm/kernels.ts';
import { flatGrid } from '../dispatches.ts';
import { type Dispatch, type Kernels, onlyPlain, scratch } from '../kernels.ts';
import { f32 } from '../tensor.ts';
import { groupNorm, groupNormGradient, groupShape } from './op.ts';
import type { GroupShape } from './reference.ts';

const WORKGROUP = 64;
/** Invocations that share a plane with more elements than a few. */
const SHARED_LANES = 16;
const FEW_ELEMENTS = 64;

/** The parameters of group-norm/items.wgsl, for an invocation each of `total` things. */
function step(
  { n, groups, channels, area }: GroupShape,
  shader: string,
  total: number,
  bindings: Dispatch['bindings'],
  params: Dispatch['params'] = {},
): Dispatch {
  return {
    shader: `group-norm/${shader}.wgsl`,
    params: { N: n, GROUPS: groups, CHANNELS: channels, AREA: area, WORKGROUP, ...params },
    bindings,
    grid: flatGrid(Math.ceil(total / WORKGROUP)),
  };
}

/** Vectors of four where the rows of a plane allow it. */
function itemsOf({ n, groups, channels, area }: GroupShape): { width: number; total: number } {
  const width = area % 4 === 0 ? 4 : 1;
  return { width, total: (n * groups * channels * area) / width };
}

export const groupNormKernels: Kernels<typeof groupNorm> = {
  op: groupNorm,
  variants: onlyPlain,
  lower({ inputs: { x, weight, bias }, outputs: { y, mean, rstd }, attrs, profile }) {
    const shape = groupShape('group-norm', x, attrs.groups);
    const { width, total } = itemsOf(shape);
    // The groups of all images are channels of one: their elements are neighbours.
    const asChannels = { n: 1, c: shape.n * shape.groups, area: shape.channels * shape.area };
    return [
      ...channelStatistics(asChannels, { x, mean, rstd }, attrs, profile),
      step(
        shape,
        'apply',
        total,
        { x, weight, bias, mean, rstd, y },
        { WIDTH: width, RELU: attrs.relu === true },
      ),
    ];
  },
};

export const groupNormGradientKernels: Kernels<typeof groupNormGradient> = {
  op: groupNormGradient,
  variants: onlyPlain,
  lower({ inputs, outputs: { dx, dweight, dbias }, attrs: { groups, relu } }) {
    const { x, weight, bias, mean, rstd, dy } = inputs;
    const shape = groupShape('group-norm-gradient', x, groups);
    const { width, total } = itemsOf(shape);
    const c = groups * shape.channels;
    const planes = shape.n * c;
    const lanes = shape.area > FEW_ELEMENTS ? SHARED_LANES : 1;
    const sums = scratch(f32(planes, 2));
    const means = scratch(f32(shape.n * groups, 2));
    const given = { x, weight, mean, rstd, dy, bias: relu ? bias : undefined };
    const items = { WIDTH: width, RELU: relu };
    const { weight: _, ...bare } = given;
    return [
      step(
        shape,
        'grad-planes',
        planes * lanes,
        { ...(relu ? given : bare), sums },
        { ...items, LANES: lanes },
      ),
      step(shape, 'grad-groups', shape.n * groups, { sums, weight, means }),
      step(shape, 'grad-input', total, { ...given, means, dx }, items),
      ...(dweight && dbias ? [parameterGradients(shape, { sums, dweight, dbias })] : []),
    ];
  },
};

function parameterGradients({ n, groups, channels }: GroupShape, bindings: Dispatch['bindings']): Dispatch {
  const C = groups * channels;
  return {
    shader: 'group-norm/grad-parameters.wgsl',
    params: { N: n, C, WORKGROUP },
    bindings,
    grid: flatGrid(Math.ceil(C / WORKGROUP)),
  };
}

export const kernels = [groupNormKernels, groupNormGradientKernels];
