import { Graph } from '../../graph/graph.ts';
import type { Model } from '../../models/model.ts';
import { f32 } from '../../ops/tensor.ts';

/** Values inside a model that are maps over the image, in the order of depth. */
export interface MapTap {
  readonly name: string;
  readonly channels: number;
  /** Positions of an image. */
  readonly positions: number;
  /** Tokens before the positions: the class token. */
  readonly extra: number;
  /** `channels`: (n, c, h, w); `rows`: (n · tokens, c). */
  readonly layout: 'channels' | 'rows';
}

/** Behind the last block, or inside an attention. */
const NO_MAP = /^(norm|logits|features)$|\.attn\.(class|map)$/;

/**
 * The outputs of all blocks and of the layers before and between them; the last norm is none of them. Of a stem that ends in a max pool the pool
 * counts, not what it pools.
 */
export function mapTaps(model: Model, { imageSize }: { readonly imageSize: number }): MapTap[] {
  const graph = new Graph();
  const x = graph.input('x', f32(1, model.config.channels, imageSize, imageSize));
  model.build(graph, { x, training: false });
  const seen = new Set<number>();
  const taps = [...graph.taps].flatMap(([name, { id, spec }]): MapTap[] => {
    // A block and its last half are one value.
    if (seen.has(id)) return [];
    seen.add(id);
    const [first = 0, second = 0, h = 0, w = 0] = spec.shape;
    if (NO_MAP.test(name)) return [];
    if (spec.shape.length === 4 && first === 1)
      return [{ name, channels: second, positions: h * w, extra: 0, layout: 'channels' }];
    const isTokens = spec.shape.length === 2 && first > 4 && Number.isInteger(Math.sqrt(first - 1));
    return isTokens ? [{ name, channels: second, positions: first - 1, extra: 1, layout: 'rows' }] : [];
  });
  const isPooled = taps.some(({ name }) => name === 'maxpool');
  return isPooled ? taps.filter(({ name }) => name !== 'bn1') : taps;
}

/** Reads channel `c` of image `i` from a tap's values, position by position. */
export function mapReader({ channels, positions, extra, layout }: MapTap, data: Float32Array) {
  const tokens = positions + extra;
  return layout === 'channels'
    ? (i: number, c: number, at: number) => data[(i * channels + c) * positions + at] as number
    : (i: number, c: number, at: number) => data[(i * tokens + extra + at) * channels + c] as number;
}
