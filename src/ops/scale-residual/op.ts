import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, expectShape, f32, like, shapeError, showShape } from '../tensor.ts';
import { type ResidualSize, scaleResidualGradientReference, scaleResidualReference } from './reference.ts';

export interface ScaleResidualAttrs {
  /** Layout of the branch beside maps: rows (n·h·w, c) or maps. `tokens`: x is rows (n·tokens, c) as the branch is, without gamma. */
  readonly from: 'rows' | 'nchw' | 'tokens';
}

interface Branch {
  readonly branch?: TensorSpec | undefined;
  readonly gamma?: TensorSpec | undefined;
  readonly mask?: TensorSpec | undefined;
}

/** The sizes of maps (n, c, h, w), or of the rows of n images, after checking what goes with them. */
export function residualSize(
  op: string,
  x: TensorSpec,
  { branch, gamma, mask }: Branch,
  { from }: ScaleResidualAttrs,
): ResidualSize {
  const { shape } = x;
  if (from === 'tokens') return tokensSize(op, x, { branch, gamma, mask });
  const [n = 0, c = 0] = shape;
  if (shape.length !== 4) throw shapeError(op, `needs maps (n, c, h, w), got ${showShape(shape)}`);
  const plane = elems(shape) / (n * c);
  if (branch) expectShape(op, 'branch', branch, from === 'rows' ? [n * plane, c] : shape);
  if (gamma) expectShape(op, 'gamma', gamma, [c]);
  if (mask) expectShape(op, 'mask', mask, [n]);
  return { n, c, plane, rows: from === 'rows' };
}

/** Rows whose only factor is the image's: each row stands for a channel, its elements for positions. */
function tokensSize(op: string, { shape }: TensorSpec, { branch, gamma, mask }: Branch): ResidualSize {
  const [rows = 0, c = 0] = shape;
  const [n = 0] = mask?.shape ?? [];
  if (shape.length !== 2 || gamma !== undefined || n === 0 || rows % n !== 0)
    throw shapeError(
      op,
      `of tokens takes rows and a mask of as many images as they belong to, and no gamma; got ${showShape(shape)} and a mask ${showShape(mask?.shape ?? [])}`,
    );
  if (branch) expectShape(op, 'branch', branch, shape);
  return { n, c: rows / n, plane: c, rows: false };
}

const maps = f32(3, 37, 5, 7);
const rows = f32(105, 37);
const [gamma, mask] = [f32(37), f32(3)];

/**
 * y = x + mask[n] gamma[c] branch: layer scale, drop path and residual connection, and the change of layout from rows back to maps.
 * x and y (n, c, h, w), or rows (n·tokens, c); gamma (c), mask (n) of 0 and 1/(1 − p).
 */
export const scaleResidual: Op<ScaleResidualAttrs, 'x' | 'branch' | 'gamma?' | 'mask?', 'y'> = {
  name: 'scale-residual',
  inputs: ['x', 'branch', 'gamma?', 'mask?'],
  outputs: ['y'],
  examples: [
    { inputs: { x: maps, branch: rows, gamma, mask }, attrs: { from: 'rows' } },
    { inputs: { x: maps, branch: maps, gamma, mask }, attrs: { from: 'nchw' } },
    { inputs: { x: rows, branch: rows, mask }, attrs: { from: 'tokens' } },
  ],
  infer({ x, ...rest }, attrs) {
    residualSize('scale-residual', x, rest, attrs);
    return { y: like(x, ...x.shape) };
  },
  cost: memoryCost,
  reference: ({ x, branch, ...factors }, specs, attrs) => ({
    y: scaleResidualReference(residualSize('scale-residual', specs.x, specs, attrs), x, branch, factors),
  }),
  gradient(graph, { inputs: { branch, gamma, mask }, attrs }, { y: dy }, needs) {
    if (dy === undefined || !(needs.has('branch') || needs.has('gamma'))) return { x: dy };
    if (gamma === undefined && mask === undefined && attrs.from === 'nchw') return { x: dy, branch: dy };
    const inputs = { branch: gamma && branch, dy, gamma, mask };
    const { dbranch, dgamma } = graph.apply(scaleResidualGradient, inputs, attrs);
    return { x: dy, branch: dbranch, gamma: dgamma };
  },
};

/**
 * Gradients of the branch, in its layout, and of gamma. dy (n, c, h, w), gamma (c), mask (n); the branch is needed for dgamma (c) only.
 */
export const scaleResidualGradient: Op<
  ScaleResidualAttrs,
  'branch?' | 'dy' | 'gamma?' | 'mask?',
  'dbranch' | 'dgamma?'
> = {
  name: 'scale-residual-gradient',
  inputs: ['branch?', 'dy', 'gamma?', 'mask?'],
  outputs: ['dbranch', 'dgamma?'],
  examples: [
    { inputs: { branch: rows, dy: maps, gamma, mask }, attrs: { from: 'rows' } },
    { inputs: { branch: maps, dy: maps, gamma, mask }, attrs: { from: 'nchw' } },
    { inputs: { dy: maps, mask }, attrs: { from: 'rows' } },
    { inputs: { dy: rows, mask }, attrs: { from: 'tokens' } },
  ],
  infer({ dy, ...rest }, attrs) {
    const { n, c, plane } = residualSize('scale-residual-gradient', dy, rest, attrs);
    if ((rest.gamma === undefined) !== (rest.branch === undefined))
      throw shapeError('scale-residual-gradient', 'takes branch and gamma together');
    return {
      dbranch: attrs.from === 'rows' ? like(dy, n * plane, c) : like(dy, ...dy.shape),
      dgamma: rest.gamma && f32(c),
    };
  },
  cost: memoryCost,
  accumulates: ['dgamma'],
  reference({ branch, dy, ...factors }, specs, attrs) {
    const size = residualSize('scale-residual-gradient', specs.dy, specs, attrs);
    const { dbranch, dgamma } = scaleResidualGradientReference(size, dy, branch, factors);
    return { dbranch, dgamma: factors.gamma && dgamma };
  },
};
