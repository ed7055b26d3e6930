import { type None, type Op, memoryCost } from '../op.ts';
import { type TensorSpec, f32, like, shapeError, showShape } from '../tensor.ts';
import { type MapsSize, toMapsReference, toRowsReference } from './reference.ts';

/** Maps (n, c, h, w) to rows (n·h·w, c). */
export const toRows: Op<None, 'x', 'y'> = {
  name: 'to-rows',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(3, 37, 5, 7) }, attrs: {} }],
  infer({ x }) {
    const { n, c, plane } = mapsSize('to-rows', x);
    return { y: like(x, n * plane, c) };
  },
  cost: memoryCost,
  reference: ({ x }, specs) => ({ y: toRowsReference(mapsSize('to-rows', specs.x), x) }),
  gradient(graph, { inputs: { x } }, { y: dy }) {
    const [n = 0, , h = 0, w = 0] = x.spec.shape;
    return { x: dy && graph.one(toMaps, { x: dy }, { n, h, w }) };
  },
};

export interface ToMapsAttrs {
  readonly n: number;
  readonly h: number;
  readonly w: number;
}

/** Rows (n·h·w, c), in (n, h, w) order, to maps (n, c, h, w). */
export const toMaps: Op<ToMapsAttrs, 'x', 'y'> = {
  name: 'to-maps',
  inputs: ['x'],
  outputs: ['y'],
  examples: [{ inputs: { x: f32(105, 37) }, attrs: { n: 3, h: 5, w: 7 } }],
  infer({ x }, { n, h, w }) {
    const [count, c = 0] = x.shape;
    if (x.shape.length !== 2 || count !== n * h * w)
      throw shapeError(
        'to-maps',
        `x is ${showShape(x.shape)}, expected (${n * h * w}, c) for ${n} maps of ${h}×${w}`,
      );
    return { y: like(x, n, c, h, w) };
  },
  cost: memoryCost,
  reference: ({ x }, specs, { n, h, w }) => ({
    y: toMapsReference({ n, c: specs.x.shape[1] ?? 0, plane: h * w }, x),
  }),
  gradient: (graph, _node, { y: dy }) => ({ x: dy && graph.one(toRows, { x: dy }, {}) }),
};

export function mapsSize(op: string, { shape }: TensorSpec): MapsSize {
  const [n = 0, c = 0, h = 0, w = 0] = shape;
  if (shape.length !== 4) throw shapeError(op, `needs maps (n, c, h, w), got ${showShape(shape)}`);
  return { n, c, plane: h * w };
}
