import { type None, type Op, memoryCost } from '../op.ts';
import { eachResidual, type ResidualSize } from '../scale-residual/reference.ts';
import { f32, like, shapeError, showShape } from '../tensor.ts';

/** Maps (n, c, h, w) to rows (n·h·w, c). */
export const toRows: Op<None> = {
  name: 'to-rows',
  examples: [{ inputs: [f32(3, 37, 5, 7)], attrs: {} }],
  infer([x]) {
    const { n, c, plane } = mapsSize('to-rows', x?.shape ?? []);
    return [like(x, n * plane, c)];
  },
  cost: memoryCost,
  reference([x], [spec]) {
    const y = new Float64Array((x as Float64Array).length);
    const size = mapsSize('to-rows', spec?.shape ?? []);
    eachResidual(size, undefined, undefined, (at, rowAt) => (y[rowAt] = (x as Float64Array)[at] as number));
    return [y];
  },
  gradient(graph, { inputs }, [dy]) {
    const [n = 0, , h = 0, w = 0] = inputs[0]?.spec.shape ?? [];
    return [dy && graph.one(toMaps, [dy], { n, h, w })];
  },
};

/** Rows (n·h·w, c), in (n, h, w) order, to maps (n, c, h, w). */
export const toMaps: Op<{ readonly n: number; readonly h: number; readonly w: number }> = {
  name: 'to-maps',
  examples: [{ inputs: [f32(105, 37)], attrs: { n: 3, h: 5, w: 7 } }],
  infer([x], { n, h, w }) {
    const [count, c = 0] = x?.shape ?? [];
    if (x?.shape.length !== 2 || count !== n * h * w)
      throw shapeError(
        'to-maps',
        `x is ${showShape(x?.shape ?? [])}, expected (${n * h * w}, c) for ${n} maps of ${h}×${w}`,
      );
    return [like(x, n, c, h, w)];
  },
  cost: memoryCost,
  reference([x], [spec], { n, h, w }) {
    const y = new Float64Array((x as Float64Array).length);
    const size = mapsSize('to-maps', [n, spec?.shape[1] ?? 0, h, w]);
    eachResidual(size, undefined, undefined, (at, rowAt) => (y[at] = (x as Float64Array)[rowAt] as number));
    return [y];
  },
  gradient: (graph, _node, [dy]) => [dy && graph.one(toRows, [dy], {})],
};

export function mapsSize(name: string, shape: readonly number[]): ResidualSize {
  const [n = 0, c = 0, h = 0, w = 0] = shape;
  if (shape.length !== 4) throw shapeError(name, `needs maps (n, c, h, w), got ${showShape(shape)}`);
  return { n, c, plane: h * w, rows: true };
}
