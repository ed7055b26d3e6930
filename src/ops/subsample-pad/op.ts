import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, f32, like, shapeError, showShape } from '../tensor.ts';
import { type SubsampleShape, subsamplePadGradientReference, subsamplePadReference } from './reference.ts';

/**
 * The parameter-free shortcut of CIFAR ResNets (option A of He et al., 2016): every second row and column, and channels of
 * zeros half before, half after.
 */

export interface SubsamplePadAttrs {
  /** Channels of the output, at least those of the input. */
  readonly channels: number;
}

export function subsampleShape(op: string, x: readonly number[], channels: number): SubsampleShape {
  const [n = 0, c = 0, h = 0, w = 0] = x;
  if (x.length !== 4 || channels < c)
    throw shapeError(op, `maps of ${showShape(x)} cannot be padded to ${channels} channels`);
  const before = Math.floor((channels - c) / 2);
  return { n, c, h, w, ho: Math.ceil(h / 2), wo: Math.ceil(w / 2), channels, before };
}

/** x (n, c, h, w) → y (n, channels, ⌈h/2⌉, ⌈w/2⌉). */
export const subsamplePad: Op<SubsamplePadAttrs, 'x', 'y'> = {
  name: 'subsample-pad',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(2, 3, 5, 8) }, attrs: { channels: 6 } }],
  infer: ({ x }, { channels }) => {
    const s = subsampleShape('subsample-pad', x.shape, channels);
    return { y: like(x, s.n, channels, s.ho, s.wo) };
  },
  cost: memoryCost,
  reference: ({ x }, specs, { channels }) => ({
    y: subsamplePadReference(subsampleShape('subsample-pad', specs.x.shape, channels), x),
  }),
  gradient: (graph, { inputs: { x } }, { y: dy }) => {
    const [, c = 0, h = 0, w = 0] = x.spec.shape;
    return { x: dy && graph.one(subsamplePadGradient, { dy }, { c, h, w }) };
  },
};

export interface SubsamplePadGradientAttrs {
  readonly c: number;
  readonly h: number;
  readonly w: number;
}

export function gradientShape(dy: TensorSpec, { c, h, w }: SubsamplePadGradientAttrs): SubsampleShape {
  const [n = 0, channels = 0, ho, wo] = dy.shape;
  const s = subsampleShape('subsample-pad-gradient', [n, c, h, w], channels);
  if (s.ho !== ho || s.wo !== wo)
    throw shapeError(
      'subsample-pad-gradient',
      `dy ${showShape(dy.shape)} does not belong to x ${showShape([n, c, h, w])}`,
    );
  return s;
}

/** dx (n, c, h, w) of subsamplePad; dy (n, channels, ho, wo). */
export const subsamplePadGradient: Op<SubsamplePadGradientAttrs, 'dy', 'dx'> = {
  name: 'subsample-pad-gradient',
  inputs: ['dy'],
  outputs: ['dx'],
  examples: [{ inputs: { dy: f32(2, 6, 3, 4) }, attrs: { c: 3, h: 5, w: 8 } }],
  infer: ({ dy }, attrs) => {
    const { n, c, h, w } = gradientShape(dy, attrs);
    return { dx: like(dy, n, c, h, w) };
  },
  cost: memoryCost,
  reference: ({ dy }, specs, attrs) => ({
    dx: subsamplePadGradientReference(gradientShape(specs.dy, attrs), dy),
  }),
};
