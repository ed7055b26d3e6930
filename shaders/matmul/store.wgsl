// The end of a matrix product: bias, then y; bindings 2 and up.
#param M rows of y
#param N columns of y
#param HAS_BIAS 1: a bias is added
#param BIAS_COLS 1: the bias has n elements, else m
#param ACCUMULATE 1 to add to what is there

#if HAS_BIAS
@group(0) @binding(2) var<storage, read> bias: array<f32>;
#endif
#if N % 4 == 0
@group(0) @binding(${HAS_BIAS + 2}) var<storage, read_write> y: array<vec4f>;
#else
@group(0) @binding(${HAS_BIAS + 2}) var<storage, read_write> y: array<f32>;
#endif

// Stores the sums of y[matrix, i, j … j+3], j a multiple of 4.
fn store(matrix: u32, i: u32, j: u32, sums: vec4f) {
  if (i >= ${M}u || j >= ${N}u) {
    return;
  }
  var value = sums;
#if HAS_BIAS && BIAS_COLS
#for c in 0..4
  value[${c}] += bias[min(j + ${c}u, ${N - 1}u)];
#endfor
#elif HAS_BIAS
  value += bias[i];
#endif
  let at = (matrix * ${M}u + i) * ${N}u + j;
#if N % 4 == 0
#if ACCUMULATE
  y[at / 4u] = y[at / 4u] + value;
#else
  y[at / 4u] = value;
#endif
#else
#for c in 0..4
  if (j + ${c}u < ${N}u) {
#if ACCUMULATE
    y[at + ${c}u] = y[at + ${c}u] + value[${c}];
#else
    y[at + ${c}u] = value[${c}];
#endif
  }
#endfor
#endif
}
