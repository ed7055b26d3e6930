// Reads the operands of a matmul, four elements at a time along the dimension they are stored in. The outer dimension of a is m,
// that of b is n. Outer indices are clamped at the edges (their results are not stored), and a reads as zero past the inner size.
// With NORMAL one operand holds maps (images, channels, PLANE), channels and PLANE being multiples of four. Its rows are the positions
// of all images in turn, and `normal` applies LayerNorm to what is read.
#param shared M: int // rows of y
#param shared N: int // columns of y
#param K: int // inner size
#param TRANSPOSE_A: bool // a is stored (k, m)
#param TRANSPOSE_B: bool // b is stored (n, k)
#param STRIDE_A: int // elements from one matrix of a to the next, 0 if shared
#param STRIDE_B: int // elements from one matrix of b to the next, 0 if shared
#param NORMAL: none | a | b // operand that holds maps to normalise: a (rows m, channels k; sets TRANSPOSE_A) or b (rows k, channels n; sets TRANSPOSE_B)
#param shared PLANE: int // positions of one map
#param WHOLE: bool // no index of the inner dimension is past its size
#param READ: load | narrow // quads are f32, or f16; an operand that is normalised is read as f32 in any case

#type Quad = READ == narrow ? vec4h : vec4f

#if NORMAL != none
#bind read statistics: array<vec4f> // mean of each row, then rstd of each
#bind read norm_weight: array<f32> // (channels)
#bind read norm_bias: array<f32> // (channels)

const POSITIONS = ${NORMAL == a ? M : K}u;
const CHANNELS = ${NORMAL == a ? K : N}u;

// Mean and rstd of four consecutive rows; the first is a multiple of four.
struct Four {
  mean: vec4f,
  rstd: vec4f,
}

fn four(row: u32) -> Four {
  let at = min(row, POSITIONS - 4u) / 4u;
  return Four(load_statistics(at), load_statistics(POSITIONS / 4u + at));
}

// Weight and bias of a channel, zero past the last.
fn affine(channel: u32) -> vec2f {
#if WHOLE && NORMAL == a
  return vec2f(load_norm_weight(channel), load_norm_bias(channel));
#else
  let at = min(channel, CHANNELS - 1u);
  return select(vec2f(), vec2f(load_norm_weight(at), load_norm_bias(at)), channel < CHANNELS);
#endif
}

fn normal(value: vec4f, rows: Four, channel: vec2f) -> vec4f {
  return fma((value - rows.mean) * rows.rstd, vec4f(channel.x), vec4f(channel.y));
}

// Index of four consecutive rows of one channel; the first row is a multiple of four.
fn maps_at(row: u32, channel: u32) -> u32 {
  let first = min(row, POSITIONS - 4u) / 4u;
  return first / ${PLANE / 4}u * (CHANNELS * ${PLANE / 4}u) + first % ${PLANE / 4}u + min(channel, CHANNELS - 1u) * ${PLANE / 4}u;
}
#endif

#for o in a, b
#if NORMAL == o
#bind read ${o}: array<vec4f> // (images, channels, PLANE)

// As below, but of the only matrix and before normalisation.
fn raw_${o}(s: u32, outer: u32, inner: u32) -> vec4f {
#if o == b
  return load_${o}(maps_at(inner, outer));
#else
  return load_${o}(maps_at(outer, inner));
#endif
}

fn quad_${o}(s: u32, outer: u32, inner: u32) -> vec4f {
  return raw_${o}(s, outer, inner);
}
#else
#bind read ${o}: array<${(o == b ? (TRANSPOSE_B ? K : N) : (TRANSPOSE_A ? M : K)) % 4 == 0 ? vec4f : f32}> // matrices, as they are stored

#if o == b ? TRANSPOSE_B : !TRANSPOSE_A
// Elements (outer, inner … inner+3) of matrix s, arbitrary past the inner size; inner is a multiple of 4.
fn raw_${o}(s: u32, outer: u32, inner: u32) -> Quad {
  let row = s * ${o == b ? STRIDE_B : STRIDE_A}u + min(outer, ${(o == b ? N : M) - 1}u) * ${K}u;
#if WHOLE && K % 4 == 0
  return ${READ}_${o}((row + inner) / 4u);
#elif K % 4 == 0
  return ${READ}_${o}((row + min(inner, ${K - 4}u)) / 4u);
#else
  return Quad(
#for j in 0..4
    ${READ}_${o}(row + min(inner + ${j}u, ${K - 1}u)),
#endfor
  );
#endif
}

// The same, zero past the inner size.
fn inside_${o}(value: Quad, inner: u32) -> Quad {
#if K % 4 == 0
  return select(Quad(), value, inner < ${K}u);
#else
  return select(Quad(), value, vec4u(inner) + vec4u(0, 1, 2, 3) < vec4u(${K}));
#endif
}
#else
// Elements (outer … outer+3, inner) of matrix s, arbitrary past the inner size; outer is a multiple of 4.
fn raw_${o}(s: u32, outer: u32, inner: u32) -> Quad {
#if WHOLE
  let row = s * ${o == b ? STRIDE_B : STRIDE_A}u + inner * ${o == b ? N : M}u;
#else
  let row = s * ${o == b ? STRIDE_B : STRIDE_A}u + min(inner, ${K - 1}u) * ${o == b ? N : M}u;
#endif
#if (o == b ? N : M) % 4 == 0
  return ${READ}_${o}((row + min(outer, ${(o == b ? N : M) - 4}u)) / 4u);
#else
  return Quad(
#for i in 0..4
    ${READ}_${o}(row + min(outer + ${i}u, ${(o == b ? N : M) - 1}u)),
#endfor
  );
#endif
}

fn inside_${o}(value: Quad, inner: u32) -> Quad {
  return select(Quad(), value, inner < ${K}u);
}
#endif

// Elements as multiplied: a is zero past the inner size.
fn quad_${o}(s: u32, outer: u32, inner: u32) -> Quad {
#if o == a && !WHOLE
  return inside_a(raw_a(s, outer, inner), inner);
#else
  return raw_${o}(s, outer, inner);
#endif
}
#endif
#endfor
