import { memoryCost, type None, type Op } from '../op.ts';
import { sameSize } from '../elementwise.ts';
import { expectShape, f32, shapeError, showShape, type TensorSpec } from '../tensor.ts';
import { BOX, startReference, stepReference, type Sizes } from './reference.ts';

/** Sizes of images (n, c, h, w). */
export function sizesOf(op: string, clean: TensorSpec, box: TensorSpec): Sizes {
  const [n = 0, c = 0, h = 0, w = 0] = clean.shape;
  if (clean.shape.length !== 4)
    throw shapeError(op, `takes images (n, c, h, w), got ${showShape(clean.shape)}`);
  expectShape(op, 'box', box, [BOX.length * c]);
  return { n, c, pixels: h * w };
}

const IMAGES = f32(2, 3, 5, 7);
const box = f32(12);
// Steps, ε, low, high of three channels.
const BOXES = Float64Array.of(0.2, 0.3, 0.1, 0.5, 0.4, 0.6, -1, -1.5, -0.5, 1, 0.5, 2);

/** A random point of the ball around each image (Madry et al. 2018; Wong et al. 2020). clean (n, c, h, w), keys (4n), box (4c). */
export const adversarialStart: Op<None, 'clean' | 'keys' | 'box', 'y'> = {
  name: 'adversarial-start',
  inputs: ['clean', 'keys', 'box'],
  outputs: ['y'],
  examples: [
    {
      inputs: { clean: IMAGES, keys: f32(8), box },
      attrs: {},
      data: { keys: Float64Array.of(1, 2, 3, 65535, 0, 4, 65535, 60000), box: BOXES },
    },
  ],
  infer: ({ clean, keys, box: limits }) => {
    const { n } = sizesOf('adversarial-start', clean, limits);
    expectShape('adversarial-start', 'keys', keys, [4 * n]);
    return { y: clean };
  },
  cost: memoryCost,
  reference: (data, specs) => ({
    y: startReference(data, sizesOf('adversarial-start', specs.clean, specs.box)),
  }),
};

/** A step along the sign of the gradient, back into the ball and the range. x, dx, clean (n, c, h, w), box (4c). */
export const adversarialStep: Op<None, 'x' | 'dx' | 'clean' | 'box', 'y'> = {
  name: 'adversarial-step',
  inputs: ['x', 'dx', 'clean', 'box'],
  outputs: ['y'],
  examples: [{ inputs: { x: IMAGES, dx: IMAGES, clean: IMAGES, box }, attrs: {}, data: { box: BOXES } }],
  infer: ({ x, dx, clean, box: limits }) => {
    sizesOf('adversarial-step', clean, limits);
    sameSize('adversarial-step', { x, dx, clean });
    return { y: x };
  },
  cost: memoryCost,
  reference: (data, specs) => ({
    y: stepReference(data, sizesOf('adversarial-step', specs.clean, specs.box)),
  }),
};
