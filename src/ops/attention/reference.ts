// For each image and head, with q, k, v (tokens, size) out of rows qkv (batch · tokens, [q | k | v][head][size]):
//   s = q kᵀ / √size,  logsumexp_i = log Σ_j e^{s_ij},  p_ij = e^{s_ij − logsumexp_i},  y = p v
//   D_i = Σ dy_i y_i,  dv = pᵀ dy,  ds = p (dy vᵀ − D) / √size,  dq = ds k,  dk = dsᵀ q

import type { AttentionShape } from './shape.ts';

type Data<N extends string> = Readonly<Record<N, Float64Array>>;

/** Where element (token, column) of q, k, v or of y lies, for one image and head. */
interface Head {
  readonly image: number;
  readonly head: number;
  /** `part`: 0 for q, 1 for k, 2 for v. */
  readonly packed: (part: number, token: number, column: number) => number;
  readonly row: (token: number, column: number) => number;
  /** Index of the token's own numbers, such as its logsumexp. */
  readonly scalar: (token: number) => number;
}

function eachHead({ batch, heads, tokens, size }: AttentionShape, visit: (head: Head) => void): void {
  const width = heads * size;
  for (let image = 0; image < batch; image++)
    for (let head = 0; head < heads; head++)
      visit({
        image,
        head,
        packed: (part, token, column) => ((image * tokens + token) * 3 + part) * width + head * size + column,
        row: (token, column) => (image * tokens + token) * width + head * size + column,
        scalar: (token) => (image * heads + head) * tokens + token,
      });
}

function dot(size: number, a: (column: number) => number, b: (column: number) => number): number {
  let sum = 0;
  for (let c = 0; c < size; c++) sum += a(c) * b(c);
  return sum;
}

const at = (data: Float64Array, index: number) => data[index] as number;

/** The scores s of one query, a number for each key. */
function scores(
  qkv: Float64Array,
  { tokens, size }: AttentionShape,
  { packed }: Head,
  query: number,
): Float64Array {
  return Float64Array.from(
    { length: tokens },
    (_, key) =>
      dot(
        size,
        (c) => at(qkv, packed(0, query, c)),
        (c) => at(qkv, packed(1, key, c)),
      ) / Math.sqrt(size),
  );
}

export function attentionReference({ qkv }: Data<'qkv'>, shape: AttentionShape): Data<'y' | 'logsumexp'> {
  const { batch, heads, tokens, size } = shape;
  const y = new Float64Array(batch * tokens * heads * size);
  const logsumexp = new Float64Array(batch * heads * tokens);
  eachHead(shape, (head) => {
    for (let query = 0; query < tokens; query++) {
      const s = scores(qkv, shape, head, query);
      const largest = s.reduce((max, value) => Math.max(max, value), -Infinity);
      const sum = s.reduce((total, value) => total + Math.exp(value - largest), 0);
      logsumexp[head.scalar(query)] = largest + Math.log(sum);
      for (let c = 0; c < size; c++)
        y[head.row(query, c)] =
          dot(
            tokens,
            (key) => Math.exp(at(s, key) - largest),
            (key) => at(qkv, head.packed(2, key, c)),
          ) / sum;
    }
  });
  return { y, logsumexp };
}

export function attentionGradientReference(
  { qkv, y, logsumexp, dy }: Data<'qkv' | 'y' | 'logsumexp' | 'dy'>,
  shape: AttentionShape,
): Data<'dqkv'> {
  const { tokens, size } = shape;
  const dqkv = new Float64Array(qkv.length);
  eachHead(shape, (head) => {
    const { packed, row, scalar } = head;
    const add = (part: number, token: number, column: number, value: number) => {
      dqkv[packed(part, token, column)] = at(dqkv, packed(part, token, column)) + value;
    };
    for (let query = 0; query < tokens; query++) {
      const s = scores(qkv, shape, head, query);
      const dyOf = (c: number) => at(dy, row(query, c));
      const d = dot(size, dyOf, (c) => at(y, row(query, c)));
      for (let key = 0; key < tokens; key++) {
        const p = Math.exp(at(s, key) - at(logsumexp, scalar(query)));
        const dp = dot(size, dyOf, (c) => at(qkv, packed(2, key, c)));
        const ds = (p * (dp - d)) / Math.sqrt(size);
        for (let c = 0; c < size; c++) {
          add(0, query, c, ds * at(qkv, packed(1, key, c)));
          add(1, key, c, ds * at(qkv, packed(0, query, c)));
          add(2, key, c, p * dyOf(c));
        }
      }
    }
  });
  return { dqkv };
}

/** p of the first `queries` tokens of each image and head. */
export function probabilitiesReference(
  { qkv, logsumexp }: Data<'qkv' | 'logsumexp'>,
  shape: AttentionShape,
  queries: number,
): Data<'probabilities'> {
  const { batch, heads, tokens } = shape;
  const probabilities = new Float64Array(batch * heads * queries * tokens);
  eachHead(shape, (head) => {
    for (let query = 0; query < queries; query++) {
      const first = ((head.image * heads + head.head) * queries + query) * tokens;
      scores(qkv, shape, head, query).forEach((s, key) => {
        probabilities[first + key] = Math.exp(s - at(logsumexp, head.scalar(query)));
      });
    }
  });
  return { probabilities };
}
