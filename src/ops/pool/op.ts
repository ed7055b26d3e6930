import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, expectShape, f32, like, shapeError, showShape } from '../tensor.ts';
import {
  type PoolShape,
  averagePoolGradientReference,
  averagePoolReference,
  globalAveragePoolGradientReference,
  globalAveragePoolReference,
  maxPoolGradientReference,
  maxPoolReference,
} from './reference.ts';

/** Pooling of maps by windows, or of whole planes. */

export interface PoolAttrs {
  /** Rows, columns. */
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** On each side; at most half the kernel. */
  readonly padding: readonly [number, number];
}

export interface MaxPoolAttrs extends PoolAttrs {
  /** Zeros of the padding take part in the maximum (BiT); otherwise it is −∞. Default false. */
  readonly zeroPadding?: boolean;
}

/** Attributes of a pooling gradient. The input's size does not follow from the output's. */
export interface Sized {
  readonly h: number;
  readonly w: number;
}

export function poolShape(
  op: string,
  x: readonly number[],
  { kernel, stride, padding }: PoolAttrs,
): PoolShape {
  const [n = 0, c = 0, h = 0, w = 0] = x;
  const [[kh, kw], [sh, sw], [ph, pw]] = [kernel, stride, padding];
  if (x.length !== 4) throw shapeError(op, `takes maps (n, c, h, w), got ${showShape(x)}`);
  if (ph * 2 > kh || pw * 2 > kw || sh < 1 || sw < 1)
    throw shapeError(
      op,
      `padding ${showShape(padding)} is more than half of the kernel ${showShape(kernel)}`,
    );
  const ho = Math.floor((h + 2 * ph - kh) / sh) + 1;
  const wo = Math.floor((w + 2 * pw - kw) / sw) + 1;
  if (ho < 1 || wo < 1)
    throw shapeError(op, `a kernel of ${showShape(kernel)} does not fit maps of ${showShape(x)}`);
  return { planes: n * c, h, w, kh, kw, sh, sw, ph, pw, ho, wo };
}

function pooled(op: string, x: TensorSpec, attrs: PoolAttrs): TensorSpec {
  const { ho, wo } = poolShape(op, x.shape, attrs);
  const [n = 0, c = 0] = x.shape;
  return like(x, n, c, ho, wo);
}

const RESNET_STEM: MaxPoolAttrs = { kernel: [3, 3], stride: [2, 2], padding: [1, 1] };

/**
 * Maximum over windows, as torch.nn.functional.max_pool2d. x (n, c, h, w) → y (n, c, ho, wo).
 * @example graph.one(maxPool, { x }, { kernel: [3, 3], stride: [2, 2], padding: [1, 1] })
 */
export const maxPool: Op<MaxPoolAttrs, 'x', 'y'> = {
  name: 'max-pool',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(2, 3, 9, 12) }, attrs: RESNET_STEM }],
  infer: ({ x }, attrs) => ({ y: pooled('max-pool', x, attrs) }),
  cost: memoryCost,
  reference: ({ x }, specs, attrs) => ({
    y: maxPoolReference(poolShape('max-pool', specs.x.shape, attrs), x, attrs.zeroPadding === true),
  }),
  gradient: (graph, { inputs: { x }, attrs }, { y: dy }) => ({
    x: dy && graph.one(maxPoolGradient, { x, dy }, attrs),
  }),
};

/** dx of maxPool: each window's dy goes to its first maximum, found again from x. */
export const maxPoolGradient: Op<MaxPoolAttrs, 'x' | 'dy', 'dx'> = {
  name: 'max-pool-gradient',
  inputs: ['x', 'dy'],
  outputs: ['dx'],
  examples: [{ inputs: { x: f32(2, 3, 9, 12), dy: f32(2, 3, 5, 6) }, attrs: RESNET_STEM }],
  infer: ({ x, dy }, attrs) => {
    expectShape('max-pool-gradient', 'dy', dy, pooled('max-pool-gradient', x, attrs).shape);
    return { dx: x };
  },
  cost: memoryCost,
  reference: ({ x, dy }, specs, attrs) => {
    const s = poolShape('max-pool-gradient', specs.x.shape, attrs);
    return { dx: maxPoolGradientReference(s, x, dy, attrs.zeroPadding === true) };
  },
};

/** Mean over windows, padding counted as zeros, as torch.nn.functional.avg_pool2d. x (n, c, h, w) → y (n, c, ho, wo). */
export const averagePool: Op<PoolAttrs, 'x', 'y'> = {
  name: 'average-pool',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(2, 3, 9, 12) }, attrs: RESNET_STEM }],
  infer: ({ x }, attrs) => ({ y: pooled('average-pool', x, attrs) }),
  cost: memoryCost,
  reference: ({ x }, specs, attrs) => ({
    y: averagePoolReference(poolShape('average-pool', specs.x.shape, attrs), x),
  }),
  gradient: (graph, { inputs: { x }, attrs: { kernel, stride, padding } }, { y: dy }) => {
    const [, , h = 0, w = 0] = x.spec.shape;
    return { x: dy && graph.one(averagePoolGradient, { dy }, { kernel, stride, padding, h, w }) };
  },
};

export function averageGradientShape(dy: TensorSpec, attrs: PoolAttrs & Sized): PoolShape {
  const [n = 0, c = 0] = dy.shape;
  const s = poolShape('average-pool-gradient', [n, c, attrs.h, attrs.w], attrs);
  expectShape('average-pool-gradient', 'dy', dy, [n, c, s.ho, s.wo]);
  return s;
}

/** dx (n, c, h, w) of averagePool; dy (n, c, ho, wo). */
export const averagePoolGradient: Op<PoolAttrs & Sized, 'dy', 'dx'> = {
  name: 'average-pool-gradient',
  inputs: ['dy'],
  outputs: ['dx'],
  examples: [{ inputs: { dy: f32(2, 3, 5, 6) }, attrs: { ...RESNET_STEM, h: 9, w: 12 } }],
  infer: ({ dy }, attrs) => {
    averageGradientShape(dy, attrs);
    const [n = 0, c = 0] = dy.shape;
    return { dx: like(dy, n, c, attrs.h, attrs.w) };
  },
  cost: memoryCost,
  reference: ({ dy }, specs, attrs) => ({
    dx: averagePoolGradientReference(averageGradientShape(specs.dy, attrs), dy),
  }),
};

export function planesOf({ shape }: TensorSpec): { n: number; c: number; area: number } {
  const [n = 0, c = 0, h = 0, w = 0] = shape;
  if (shape.length !== 4)
    throw shapeError('global-average-pool', `takes maps (n, c, h, w), got ${showShape(shape)}`);
  return { n, c, area: h * w };
}

/** Mean of every plane: x (n, c, h, w) → y (n, c). */
export const globalAveragePool: Op<None, 'x', 'y'> = {
  name: 'global-average-pool',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(2, 5, 7, 7) }, attrs: {} }],
  infer: ({ x }) => {
    const { n, c } = planesOf(x);
    return { y: like(x, n, c) };
  },
  cost: memoryCost,
  reference: ({ x }, specs) => ({ y: globalAveragePoolReference(x, planesOf(specs.x).area) }),
  gradient: (graph, { inputs: { x } }, { y: dy }) => {
    const [, , h = 0, w = 0] = x.spec.shape;
    return { x: dy && graph.one(globalAveragePoolGradient, { dy }, { h, w }) };
  },
};

/** dx (n, c, h, w) of globalAveragePool: dy (n, c) over the plane's size. */
export const globalAveragePoolGradient: Op<Sized, 'dy', 'dx'> = {
  name: 'global-average-pool-gradient',
  inputs: ['dy'],
  outputs: ['dx'],
  examples: [{ inputs: { dy: f32(2, 5) }, attrs: { h: 7, w: 7 } }],
  infer: ({ dy }, { h, w }) => {
    const [n = 0, c = 0] = dy.shape;
    if (dy.shape.length !== 2)
      throw shapeError('global-average-pool-gradient', `takes (n, c), got ${showShape(dy.shape)}`);
    return { dx: like(dy, n, c, h, w) };
  },
  cost: memoryCost,
  reference: ({ dy }, _specs, { h, w }) => ({ dx: globalAveragePoolGradientReference(dy, h * w) }),
};
