import { defined } from '../../util/errors.ts';
import { type TensorSpec, elems, expectShape, shapeError, showShape } from '../tensor.ts';
import type { Layout } from './reference.ts';

/** Where channels lie: `rows` is (…, c), `nchw` is (n, c, h, w). */
export type ChannelLayout = 'rows' | 'nchw';

export interface LayerNormAttrs {
  readonly eps: number;
  /** Layout of x. */
  readonly from: ChannelLayout;
  /** Layout of y. A map can become rows (n·h·w, c), in (n, h, w) order; rows stay rows. */
  readonly to: ChannelLayout;
}

export interface LayerNormShape {
  readonly rows: number;
  readonly cols: number;
  /** Positions of one map: h·w for `nchw`, else 1. */
  readonly plane: number;
}

/** Checks x, weight and bias (or further channel vectors) and returns the sizes. */
export function layerNormShape(
  name: string,
  { shape }: TensorSpec,
  vectors: Readonly<Record<string, TensorSpec>>,
  { from, to }: LayerNormAttrs,
): LayerNormShape {
  if (from === 'nchw' ? shape.length !== 4 : shape.length < 2)
    throw shapeError(name, `x in layout ${from} has shape ${showShape(shape)}`);
  if (from === 'rows' && to === 'nchw')
    throw shapeError(
      name,
      'rows cannot become maps, whose height and width are not known',
      'Use toMaps after it.',
    );
  const cols = defined(from === 'nchw' ? shape[1] : shape.at(-1), 'channels');
  for (const [vector, spec] of Object.entries(vectors)) expectShape(name, vector, spec, [cols]);
  const plane = from === 'nchw' ? elems(shape.slice(2)) : 1;
  return { rows: elems(shape) / cols, cols, plane };
}

/** Whether a shape is maps (n, c, h, w) with c and h·w multiples of four, so that kernels can work in 4×4 blocks. */
export function isInQuads(shape: readonly number[]): boolean {
  const [, c = 1, h = 1, w = 1] = shape;
  return shape.length === 4 && c % 4 === 0 && (h * w) % 4 === 0;
}

/** Where the elements of a tensor in layout `kind` lie. */
export function layoutOf(kind: ChannelLayout, { cols, plane }: LayerNormShape): Layout {
  if (kind === 'rows') return (row, channel) => row * cols + channel;
  return (row, channel) => (Math.floor(row / plane) * cols + channel) * plane + (row % plane);
}
