import { defined } from '../../util/errors.ts';
import type { Tensor } from '../tensor.ts';
import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, f32, like, shapeError, showShape } from '../tensor.ts';
import {
  type PoolShape,
  averagePoolGradientReference,
  averagePoolReference,
  maxPoolGradientReference,
  maxPoolReference,
} from './reference.ts';

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

/** Attributes of a pooling gradient, whose input's size the output's does not tell. */
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

export function shapeOf(spec: TensorSpec | undefined): readonly number[] {
  return spec?.shape ?? [];
}

function pooled(op: string, x: TensorSpec | undefined, attrs: PoolAttrs): readonly TensorSpec[] {
  const { ho, wo } = poolShape(op, shapeOf(x), attrs);
  const [n = 0, c = 0] = shapeOf(x);
  return [like(x, n, c, ho, wo)];
}

const RESNET_STEM: MaxPoolAttrs = { kernel: [3, 3], stride: [2, 2], padding: [1, 1] };

/**
 * Maximum over windows, as torch.nn.functional.max_pool2d. x (n, c, h, w) → (n, c, ho, wo).
 * @example graph.one(maxPool, [x], { kernel: [3, 3], stride: [2, 2], padding: [1, 1] })
 */
export const maxPool: Op<MaxPoolAttrs> = {
  name: 'max-pool',
  examples: [{ inputs: [f32(2, 3, 9, 12)], attrs: RESNET_STEM }],
  infer: ([x], attrs) => pooled('max-pool', x, attrs),
  cost: memoryCost,
  reference: ([x], [spec], attrs) => [
    maxPoolReference(
      poolShape('max-pool', shapeOf(spec), attrs),
      x as Float64Array,
      attrs.zeroPadding === true,
    ),
  ],
  gradient: (graph, node, [dy]) => [
    dy && graph.one(maxPoolGradient, [node.inputs[0] as Tensor, dy], node.attrs),
  ],
};

/** dx of maxPool: each window's dy goes to its first maximum, found again from x. Inputs: x, dy. */
export const maxPoolGradient: Op<MaxPoolAttrs> = {
  name: 'max-pool-gradient',
  examples: [{ inputs: [f32(2, 3, 9, 12), f32(2, 3, 5, 6)], attrs: RESNET_STEM }],
  infer: ([x, dy], attrs) => {
    const [y] = pooled('max-pool-gradient', x, attrs);
    if (showShape(shapeOf(y)) !== showShape(shapeOf(dy)))
      throw shapeError(
        'max-pool-gradient',
        `dy is ${showShape(shapeOf(dy))}, expected ${showShape(shapeOf(y))}`,
      );
    return [defined(x, 'x')];
  },
  cost: memoryCost,
  reference: ([x, dy], [spec], attrs) => [
    maxPoolGradientReference(
      poolShape('max-pool-gradient', shapeOf(spec), attrs),
      x as Float64Array,
      dy as Float64Array,
      attrs.zeroPadding === true,
    ),
  ],
};

/** Mean over windows, padding counted as zeros, as torch.nn.functional.avg_pool2d. x (n, c, h, w) → (n, c, ho, wo). */
export const averagePool: Op<PoolAttrs> = {
  name: 'average-pool',
  examples: [{ inputs: [f32(2, 3, 9, 12)], attrs: RESNET_STEM }],
  infer: ([x], attrs) => pooled('average-pool', x, attrs),
  cost: memoryCost,
  reference: ([x], [spec], attrs) => [
    averagePoolReference(poolShape('average-pool', shapeOf(spec), attrs), x as Float64Array),
  ],
  gradient: (graph, node, [dy]) => {
    const [, , h = 0, w = 0] = node.inputs[0]?.spec.shape ?? [];
    const { kernel, stride, padding } = node.attrs;
    return [dy && graph.one(averagePoolGradient, [dy], { kernel, stride, padding, h, w })];
  },
};

export function averageGradientShape([dy]: readonly TensorSpec[], attrs: PoolAttrs & Sized): PoolShape {
  const [n = 0, c = 0, ho, wo] = shapeOf(dy);
  const s = poolShape('average-pool-gradient', [n, c, attrs.h, attrs.w], attrs);
  if (s.ho !== ho || s.wo !== wo)
    throw shapeError(
      'average-pool-gradient',
      `dy is ${showShape(shapeOf(dy))}, expected ${showShape([n, c, s.ho, s.wo])}`,
    );
  return s;
}

/** dx of averagePool. Input: dy (n, c, ho, wo). Output: (n, c, h, w). */
export const averagePoolGradient: Op<PoolAttrs & Sized> = {
  name: 'average-pool-gradient',
  examples: [{ inputs: [f32(2, 3, 5, 6)], attrs: { ...RESNET_STEM, h: 9, w: 12 } }],
  infer: (inputs, attrs) => {
    averageGradientShape(inputs, attrs);
    const [n = 0, c = 0] = shapeOf(inputs[0]);
    return [like(inputs[0], n, c, attrs.h, attrs.w)];
  },
  cost: memoryCost,
  reference: ([dy], specs, attrs) => [
    averagePoolGradientReference(averageGradientShape(specs, attrs), dy as Float64Array),
  ],
};

export function planesOf(op: string, spec: TensorSpec | undefined): { n: number; c: number; area: number } {
  const [n = 0, c = 0, h = 0, w = 0] = shapeOf(spec);
  if (spec?.shape.length !== 4)
    throw shapeError(op, `takes maps (n, c, h, w), got ${showShape(shapeOf(spec))}`);
  return { n, c, area: h * w };
}

/** Mean of every plane: x (n, c, h, w) → (n, c). */
export const globalAveragePool: Op<None> = {
  name: 'global-average-pool',
  examples: [{ inputs: [f32(2, 5, 7, 7)], attrs: {} }],
  infer: ([x]) => {
    const { n, c } = planesOf('global-average-pool', x);
    return [like(x, n, c)];
  },
  cost: memoryCost,
  reference: ([x], [spec]) => {
    const { n, c, area } = planesOf('global-average-pool', spec);
    const plane = (i: number) => (x as Float64Array).subarray(i * area, (i + 1) * area);
    return [Float64Array.from({ length: n * c }, (_, i) => plane(i).reduce((sum, v) => sum + v, 0) / area)];
  },
  gradient: (graph, node, [dy]) => {
    const [, , h = 0, w = 0] = node.inputs[0]?.spec.shape ?? [];
    return [dy && graph.one(globalAveragePoolGradient, [dy], { h, w })];
  },
};

/** dx of globalAveragePool: dy (n, c) over the plane's size. Output: (n, c, h, w). */
export const globalAveragePoolGradient: Op<Sized> = {
  name: 'global-average-pool-gradient',
  examples: [{ inputs: [f32(2, 5)], attrs: { h: 7, w: 7 } }],
  infer: ([dy], { h, w }) => {
    const [n = 0, c = 0] = shapeOf(dy);
    if (dy?.shape.length !== 2)
      throw shapeError('global-average-pool-gradient', `takes (n, c), got ${showShape(shapeOf(dy))}`);
    return [like(dy, n, c, h, w)];
  },
  cost: memoryCost,
  reference: ([dy], _specs, { h, w }) => {
    const area = h * w;
    const values = dy as Float64Array;
    return [
      Float64Array.from(
        { length: values.length * area },
        (_, i) => (values[Math.floor(i / area)] as number) / area,
      ),
    ];
  },
};
