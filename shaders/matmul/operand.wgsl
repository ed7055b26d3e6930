// Reads of the operands of a matrix product, four elements at a time along the dimension they are stored in. Operand 0 is A
// with outer dimension m, operand 1 is B with outer dimension n. Beyond the edges an outer index is clamped (its results are
// not stored) and A reads zero past the inner size. With NORMAL one operand is maps (images, channels, PLANE), four dividing
// channels and PLANE: its rows are positions, counted through all images, and `normal` makes LayerNorm's y of what is read.
#param M rows of y
#param N columns of y
#param K inner size
#param TRANSPOSE_A 1: a is stored (k, m)
#param TRANSPOSE_B 1: b is stored (n, k)
#param STRIDE_A elements from one matrix of a to the next, 0 if shared
#param STRIDE_B elements from one matrix of b to the next, 0 if shared
#param NORMAL 1: a is maps to be normalised, rows m and channels k (then TRANSPOSE_A); 2: b is, rows k and channels n (TRANSPOSE_B)
#param PLANE positions of one map

#if NORMAL
@group(0) @binding(2) var<storage, read> statistics: array<vec4f>; // mean of each row, then rstd of each
@group(0) @binding(3) var<storage, read> norm_weight: array<f32>;
@group(0) @binding(4) var<storage, read> norm_bias: array<f32>;

const POSITIONS = ${NORMAL == 1 ? M : K}u;
const CHANNELS = ${NORMAL == 1 ? K : N}u;

// Mean and rstd of four rows from a multiple of four.
struct Four {
  mean: vec4f,
  rstd: vec4f,
}

fn four(row: u32) -> Four {
  let at = min(row, POSITIONS - 4u) / 4u;
  return Four(statistics[at], statistics[POSITIONS / 4u + at]);
}

// Weight and bias of a channel, zero beyond the last.
fn affine(channel: u32) -> vec2f {
  let at = min(channel, CHANNELS - 1u);
  return select(vec2f(), vec2f(norm_weight[at], norm_bias[at]), channel < CHANNELS);
}

fn normal(value: vec4f, rows: Four, channel: vec2f) -> vec4f {
  return fma((value - rows.mean) * rows.rstd, vec4f(channel.x), vec4f(channel.y));
}

// Four rows from a multiple of four, one channel.
fn maps_at(row: u32, channel: u32) -> u32 {
  let first = min(row, POSITIONS - 4u);
  return ((first / ${PLANE}u * CHANNELS + min(channel, CHANNELS - 1u)) * ${PLANE}u + first % ${PLANE}u) / 4u;
}
#endif

#for o in 0..2
#if NORMAL == o + 1
@group(0) @binding(${o}) var<storage, read> operand${o}: array<vec4f>;

// As below, of the only matrix, not yet normalised.
fn load${o}(s: u32, outer: u32, inner: u32) -> vec4f {
#if o
  return operand${o}[maps_at(inner, outer)];
#else
  return operand${o}[maps_at(outer, inner)];
#endif
}
#else
#if (o ? (TRANSPOSE_B ? K : N) : (TRANSPOSE_A ? M : K)) % 4 == 0
@group(0) @binding(${o}) var<storage, read> operand${o}: array<vec4f>;
#else
@group(0) @binding(${o}) var<storage, read> operand${o}: array<f32>;
#endif

#if o ? TRANSPOSE_B : !TRANSPOSE_A
// Elements (outer, inner … inner+3) of matrix s; inner is a multiple of 4.
fn load${o}(s: u32, outer: u32, inner: u32) -> vec4f {
  let row = s * ${o ? STRIDE_B : STRIDE_A}u + min(outer, ${(o ? N : M) - 1}u) * ${K}u;
#if K % 4 == 0
  let value = operand${o}[(row + min(inner, ${K - 4}u)) / 4u];
#else
  let value = vec4f(
#for j in 0..4
    operand${o}[row + min(inner + ${j}u, ${K - 1}u)],
#endfor
  );
#endif
#if o
  return value;
#elif K % 4 == 0
  return select(vec4f(), value, inner < ${K}u);
#else
  return select(vec4f(), value, vec4u(inner) + vec4u(0, 1, 2, 3) < vec4u(${K}));
#endif
}
#else
// Elements (outer … outer+3, inner) of matrix s; outer is a multiple of 4.
fn load${o}(s: u32, outer: u32, inner: u32) -> vec4f {
  let row = s * ${o ? STRIDE_B : STRIDE_A}u + min(inner, ${K - 1}u) * ${o ? N : M}u;
#if (o ? N : M) % 4 == 0
  let value = operand${o}[(row + min(outer, ${(o ? N : M) - 4}u)) / 4u];
#else
  let value = vec4f(
#for i in 0..4
    operand${o}[row + min(outer + ${i}u, ${(o ? N : M) - 1}u)],
#endfor
  );
#endif
#if o
  return value;
#else
  return select(vec4f(), value, inner < ${K}u);
#endif
}
#endif
#endif
#endfor
