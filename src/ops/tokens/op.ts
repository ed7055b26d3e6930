import { defined } from '../../util/errors.ts';
import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, expectShape, f32, like, shapeError, showShape } from '../tensor.ts';
import {
  type TokensSize,
  firstTokenGradientReference,
  firstTokenReference,
  tokensGradientReference,
  tokensReference,
} from './reference.ts';

/** The tokens of a vision transformer (Dosovitskiy et al. 2021), as rows (n·tokens, c): the class token of each image, then its patches. */

/** Rows (n·tokens, c) seen as n images. */
function sizeOf(op: string, { shape }: TensorSpec, tokens: number): TokensSize {
  const [rows = 0, c = 0] = shape;
  if (shape.length !== 2 || tokens < 1 || rows % tokens !== 0)
    throw shapeError(op, `${showShape(shape)} is not the rows of images with ${tokens} tokens each`);
  return { n: rows / tokens, tokens, c };
}

/** Patches (n·(tokens − 1), c), positions (1, tokens, c). */
export function tokensSize(op: string, patches: TensorSpec, positions: TensorSpec): TokensSize {
  const [, tokens = 0, width] = positions.shape;
  if (positions.shape.length !== 3 || tokens < 2)
    throw shapeError(op, `positions is ${showShape(positions.shape)}, expected (1, tokens, c)`);
  const { n, c } = sizeOf(op, patches, tokens - 1);
  if (width !== c) expectShape(op, 'positions', positions, [1, tokens, c]);
  return { n, tokens, c };
}

const [patches, cls, positions] = [f32(12, 37), f32(1, 1, 37), f32(1, 5, 37)];

/**
 * The class token before the patches of each image, and a position embedding added to all.
 * patches (n·(tokens − 1), c), cls (1, 1, c), positions (1, tokens, c) → y (n·tokens, c).
 */
export const tokens: Op<None, 'patches' | 'cls' | 'positions', 'y'> = {
  name: 'tokens',
  inputs: ['patches', 'cls', 'positions'],
  outputs: ['y'],
  examples: [{ inputs: { patches, cls, positions }, attrs: {} }],
  infer(inputs) {
    const { n, tokens: count, c } = tokensSize('tokens', inputs.patches, inputs.positions);
    expectShape('tokens', 'cls', inputs.cls, [1, 1, c]);
    return { y: like(inputs.patches, n * count, c) };
  },
  cost: memoryCost,
  reference: (data, specs) => ({
    y: tokensReference(
      tokensSize('tokens', specs.patches, specs.positions),
      data.patches,
      data.cls,
      data.positions,
    ),
  }),
  gradient(graph, { inputs }, { y: dy }) {
    if (dy === undefined) return {};
    const [, count = 0] = inputs.positions.spec.shape;
    const { dpatches, dcls, dpositions } = graph.apply(tokensGradient, { dy }, { tokens: count });
    return { patches: dpatches, cls: dcls, positions: dpositions };
  },
};

export interface TokensAttrs {
  /** Tokens of an image, the class token among them. */
  readonly tokens: number;
}

export function gradientSize(dy: TensorSpec, { tokens: count }: TokensAttrs): TokensSize {
  return sizeOf('tokens-gradient', dy, count);
}

/** Gradients of `tokens`. dy (n·tokens, c) → dpatches (n·(tokens − 1), c), dcls (1, 1, c), dpositions (1, tokens, c). */
export const tokensGradient: Op<TokensAttrs, 'dy', 'dpatches' | 'dcls' | 'dpositions'> = {
  name: 'tokens-gradient',
  inputs: ['dy'],
  outputs: ['dpatches', 'dcls', 'dpositions'],
  examples: [{ inputs: { dy: f32(15, 37) }, attrs: { tokens: 5 } }],
  infer({ dy }, attrs) {
    const { n, tokens: count, c } = gradientSize(dy, attrs);
    return { dpatches: like(dy, n * (count - 1), c), dcls: f32(1, 1, c), dpositions: f32(1, count, c) };
  },
  cost: memoryCost,
  accumulates: ['dcls', 'dpositions'],
  reference({ dy }, specs, attrs) {
    const { dpatches, dclass, dpositions } = tokensGradientReference(gradientSize(specs.dy, attrs), dy);
    return { dpatches, dcls: dclass, dpositions };
  },
};

export function firstTokenSize(x: TensorSpec, attrs: TokensAttrs): TokensSize {
  return sizeOf('first-token', x, attrs.tokens);
}

/** The first token of each image, which is the class token: x (n·tokens, c) → y (n, c). */
export const firstToken: Op<TokensAttrs, 'x', 'y'> = {
  name: 'first-token',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(15, 37) }, attrs: { tokens: 5 } }],
  infer({ x }, attrs) {
    const { n, c } = firstTokenSize(x, attrs);
    return { y: like(x, n, c) };
  },
  cost: memoryCost,
  reference: ({ x }, specs, attrs) => ({ y: firstTokenReference(firstTokenSize(specs.x, attrs), x) }),
  gradient: (graph, { attrs }, { y: dy }) => ({ x: dy && graph.one(firstTokenGradient, { dy }, attrs) }),
};

export function firstTokenGradientSize({ shape }: TensorSpec, attrs: TokensAttrs): TokensSize {
  if (shape.length !== 2)
    throw shapeError('first-token-gradient', `dy is ${showShape(shape)}, expected (n, c)`);
  return { n: defined(shape[0], 'n'), tokens: attrs.tokens, c: defined(shape[1], 'c') };
}

/** dx (n·tokens, c) of `firstToken`: dy (n, c) at the first token of each image, 0 at all others. */
export const firstTokenGradient: Op<TokensAttrs, 'dy', 'dx'> = {
  name: 'first-token-gradient',
  inputs: ['dy'],
  outputs: ['dx'],
  examples: [{ inputs: { dy: f32(3, 37) }, attrs: { tokens: 5 } }],
  infer({ dy }, attrs) {
    const { n, tokens: count, c } = firstTokenGradientSize(dy, attrs);
    return { dx: like(dy, n * count, c) };
  },
  cost: memoryCost,
  reference: ({ dy }, specs, attrs) => ({
    dx: firstTokenGradientReference(firstTokenGradientSize(specs.dy, attrs), dy),
  }),
};
