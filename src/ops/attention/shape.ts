import { type TensorSpec, shapeError, showShape } from '../tensor.ts';

export interface AttentionAttrs {
  /** Heads; they share the columns of q, k and v evenly. */
  readonly heads: number;
  /** Tokens of one image; rows are those of one image after the other. */
  readonly tokens: number;
}

/** Sizes of one attention; D = heads · size. */
export interface AttentionShape extends AttentionAttrs {
  readonly batch: number;
  /** Columns of one head. */
  readonly size: number;
}

/** The sizes of packed rows qkv (batch · tokens, 3 · heads · size). */
export function attentionShape(
  op: string,
  qkv: TensorSpec,
  { heads, tokens }: AttentionAttrs,
): AttentionShape {
  const [rows = 0, cols = 0] = qkv.shape;
  const shown = `qkv is ${showShape(qkv.shape)}`;
  if (qkv.shape.length !== 2 || cols === 0 || cols % (3 * heads) !== 0)
    throw shapeError(op, `${shown}, expected rows of 3·${heads} heads of one size`);
  if (rows === 0 || rows % tokens !== 0)
    throw shapeError(op, `${shown}, expected rows of whole images of ${tokens} tokens`);
  return { heads, tokens, batch: rows / tokens, size: cols / (3 * heads) };
}
