// y[i, 0] = class + position[0];  y[i, t] = patch[i, t − 1] + position[t].  An image i has T tokens of c channels, T − 1 of them patches.
// dpatches[i, t − 1] = dy[i, t];  dposition[t] = Σ_i dy[i, t];  dclass = dposition[0].
// The first tokens alone: y[i] = x[i, 0];  dx[i, 0] = dy[i], dx[i, t] = 0 otherwise.

export interface TokensSize {
  /** Images. */
  readonly n: number;
  /** Tokens of an image, the class token among them. */
  readonly tokens: number;
  readonly c: number;
}

export function tokensReference(
  { n, tokens, c }: TokensSize,
  patches: Float64Array,
  classToken: Float64Array,
  positions: Float64Array,
): Float64Array {
  const y = new Float64Array(n * tokens * c);
  for (let i = 0; i < n; i++) {
    y.set(classToken, i * tokens * c);
    y.set(patches.subarray(i * (tokens - 1) * c, (i + 1) * (tokens - 1) * c), (i * tokens + 1) * c);
  }
  return y.map((value, at) => value + (positions[at % (tokens * c)] as number));
}

export function tokensGradientReference(
  { n, tokens, c }: TokensSize,
  dy: Float64Array,
): { dpatches: Float64Array; dclass: Float64Array; dpositions: Float64Array } {
  const dpatches = new Float64Array(n * (tokens - 1) * c);
  const dpositions = new Float64Array(tokens * c);
  dy.forEach((value, at) => {
    const within = at % (tokens * c);
    dpositions[within] = (dpositions[within] as number) + value;
  });
  for (let i = 0; i < n; i++)
    dpatches.set(dy.subarray((i * tokens + 1) * c, (i + 1) * tokens * c), i * (tokens - 1) * c);
  return { dpatches, dclass: dpositions.slice(0, c), dpositions };
}

export function firstTokenReference({ n, tokens, c }: TokensSize, x: Float64Array): Float64Array {
  const y = new Float64Array(n * c);
  for (let i = 0; i < n; i++) y.set(x.subarray(i * tokens * c, (i * tokens + 1) * c), i * c);
  return y;
}

export function firstTokenGradientReference({ n, tokens, c }: TokensSize, dy: Float64Array): Float64Array {
  const dx = new Float64Array(n * tokens * c);
  for (let i = 0; i < n; i++) dx.set(dy.subarray(i * c, (i + 1) * c), i * tokens * c);
  return dx;
}
