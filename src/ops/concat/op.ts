import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, like, shapeError, showShape } from '../tensor.ts';
import { type ConcatShape, concatGradientReference, concatReference } from './reference.ts';

export function concatShape(op: string, a: TensorSpec, b: TensorSpec): ConcatShape {
  const [n = 0, , ...rest] = a.shape;
  const [other, , ...others] = b.shape;
  if (a.shape.length < 2 || n !== other || rest.join() !== others.join())
    throw shapeError(
      op,
      `${showShape(a.shape)} and ${showShape(b.shape)} differ in more than their channels`,
    );
  return { n, a: elems(a.shape) / n, b: elems(b.shape) / n };
}

/**
 * Maps or rows, one behind the other along their channels, as torch.cat of dimension 1. a (n, ca, …), b (n, cb, …) → y (n, ca + cb, …).
 * @example graph.one(concat, { a, b }, {})
 */
export const concat: Op<Readonly<Record<string, never>>, 'a' | 'b', 'y'> = {
  name: 'concat',
  inputs: ['a', 'b'],
  outputs: ['y'],
  examples: [{ inputs: { a: f32(2, 3, 5, 3), b: f32(2, 4, 5, 3) }, attrs: {} }],
  infer: ({ a, b }) => {
    concatShape('concat', a, b);
    const [n = 0, c = 0, ...rest] = a.shape;
    return { y: like(a, n, c + (b.shape[1] ?? 0), ...rest) };
  },
  cost: memoryCost,
  reference: ({ a, b }, specs) => ({ y: concatReference(concatShape('concat', specs.a, specs.b), a, b) }),
  gradient(graph, { inputs: { a } }, { y: dy }) {
    if (dy === undefined) return {};
    const { da, db } = graph.apply(concatGradient, { dy }, { channels: a.spec.shape[1] ?? 0 });
    return { a: da, b: db };
  },
};

export interface ConcatGradientAttrs {
  /** Channels of a. */
  readonly channels: number;
}

/** dy (n, ca + cb, …) → da (n, ca, …), db (n, cb, …). */
export const concatGradient: Op<ConcatGradientAttrs, 'dy', 'da' | 'db'> = {
  name: 'concat-gradient',
  inputs: ['dy'],
  outputs: ['da', 'db'],
  examples: [{ inputs: { dy: f32(2, 7, 5, 3) }, attrs: { channels: 3 } }],
  infer: ({ dy }, { channels }) => {
    const [n = 0, c = 0, ...rest] = dy.shape;
    if (channels < 1 || channels >= c)
      throw shapeError('concat-gradient', `dy ${showShape(dy.shape)} has no ${channels} channels and more`);
    return { da: like(dy, n, channels, ...rest), db: like(dy, n, c - channels, ...rest) };
  },
  cost: memoryCost,
  reference: ({ dy }, specs, attrs) => {
    const { da, db } = concatGradient.infer(specs, attrs);
    return concatGradientReference(concatShape('concat-gradient', da, db), dy);
  },
};
