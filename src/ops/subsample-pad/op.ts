import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, f32, like, shapeError, showShape } from '../tensor.ts';

/**
 * The parameter-free shortcut of CIFAR ResNets (option A of He et al., 2016): every second row and column, and channels of
 * zeros half before, half after. y[n, c, p, q] = x[n, c − before, 2p, 2q], before = ⌊(channels − c)/2⌋.
 */

export interface SubsamplePadAttrs {
  /** Channels of the output, at least those of the input. */
  readonly channels: number;
}

export interface SubsampleShape {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly ho: number;
  readonly wo: number;
  readonly channels: number;
  readonly before: number;
}

export function subsampleShape(op: string, x: readonly number[], channels: number): SubsampleShape {
  const [n = 0, c = 0, h = 0, w = 0] = x;
  if (x.length !== 4 || channels < c)
    throw shapeError(op, `maps of ${showShape(x)} cannot be padded to ${channels} channels`);
  const before = Math.floor((channels - c) / 2);
  return { n, c, h, w, ho: Math.ceil(h / 2), wo: Math.ceil(w / 2), channels, before };
}

/** Calls `visit` with the offsets into y and x of every element that is copied. */
function eachCopy(s: SubsampleShape, visit: (y: number, x: number) => void): void {
  for (let n = 0; n < s.n; n++)
    for (let c = 0; c < s.c; c++)
      for (let p = 0; p < s.ho; p++)
        for (let q = 0; q < s.wo; q++)
          visit(
            ((n * s.channels + c + s.before) * s.ho + p) * s.wo + q,
            ((n * s.c + c) * s.h + 2 * p) * s.w + 2 * q,
          );
}

/** x (n, c, h, w) → (n, channels, ⌈h/2⌉, ⌈w/2⌉). */
export const subsamplePad: Op<SubsamplePadAttrs> = {
  name: 'subsample-pad',
  examples: [{ inputs: [f32(2, 3, 5, 8)], attrs: { channels: 6 } }],
  infer: ([x], { channels }) => {
    const s = subsampleShape('subsample-pad', x?.shape ?? [], channels);
    return [like(x, s.n, channels, s.ho, s.wo)];
  },
  cost: memoryCost,
  reference: ([x], [spec], { channels }) => {
    const s = subsampleShape('subsample-pad', spec?.shape ?? [], channels);
    const y = new Float64Array(s.n * channels * s.ho * s.wo);
    eachCopy(s, (to, from) => (y[to] = (x as Float64Array)[from] as number));
    return [y];
  },
  gradient: (graph, node, [dy]) => {
    const [, c = 0, h = 0, w = 0] = node.inputs[0]?.spec.shape ?? [];
    return [dy && graph.one(subsamplePadGradient, [dy], { c, h, w })];
  },
};

export interface SubsamplePadGradientAttrs {
  readonly c: number;
  readonly h: number;
  readonly w: number;
}

export function gradientShape(
  [dy]: readonly TensorSpec[],
  { c, h, w }: SubsamplePadGradientAttrs,
): SubsampleShape {
  const [n = 0, channels = 0, ho, wo] = dy?.shape ?? [];
  const s = subsampleShape('subsample-pad-gradient', [n, c, h, w], channels);
  if (s.ho !== ho || s.wo !== wo)
    throw shapeError(
      'subsample-pad-gradient',
      `dy ${showShape(dy?.shape ?? [])} does not belong to x ${showShape([n, c, h, w])}`,
    );
  return s;
}

/** dx of subsamplePad. Input: dy (n, channels, ho, wo). Output: (n, c, h, w). */
export const subsamplePadGradient: Op<SubsamplePadGradientAttrs> = {
  name: 'subsample-pad-gradient',
  examples: [{ inputs: [f32(2, 6, 3, 4)], attrs: { c: 3, h: 5, w: 8 } }],
  infer: (inputs, attrs) => {
    const { n, c, h, w } = gradientShape(inputs, attrs);
    return [like(inputs[0], n, c, h, w)];
  },
  cost: memoryCost,
  reference: ([dy], specs, attrs) => {
    const s = gradientShape(specs, attrs);
    const dx = new Float64Array(s.n * s.c * s.h * s.w);
    eachCopy(s, (from, to) => (dx[to] = (dy as Float64Array)[from] as number));
    return [dx];
  },
};
