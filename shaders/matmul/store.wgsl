// The end of a matrix product, from its sums to memory; bindings 2 and up. Value = sums + bias, and then, by END,
//   0  y = value
//   1  y = gelu(value)
//   2  y = value gelu'(h), h (m, n)
// With KEEP the value is written too, as (m, n).
#param M rows of y
#param N columns of y
#param HAS_BIAS 1: a bias is added
#param BIAS_COLS 1: the bias has n elements, else m
#param ACCUMULATE 1 to add to what is there
#param END what becomes of the value
#param KEEP 1: the value is written too
#import common/gelu.wgsl

#if N % 4 == 0
alias Stored = vec4f;
#else
alias Stored = f32;
#endif
#if HAS_BIAS
@group(0) @binding(2) var<storage, read> bias: array<f32>;
#endif
#if END == 2
@group(0) @binding(${HAS_BIAS + 2}) var<storage, read> h: array<Stored>;
#endif
@group(0) @binding(${HAS_BIAS + (END == 2) + 2}) var<storage, read_write> y: array<Stored>;
#if KEEP
@group(0) @binding(${HAS_BIAS + 3}) var<storage, read_write> kept: array<Stored>;
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
#if KEEP
  kept[at / 4u] = value;
#endif
#if END == 2
  let before = h[at / 4u];
  y[at / 4u] = value * vec4f(gelu_derivative(before.x), gelu_derivative(before.y), gelu_derivative(before.z), gelu_derivative(before.w));
#elif END == 1
  y[at / 4u] = vec4f(gelu(value.x), gelu(value.y), gelu(value.z), gelu(value.w));
#elif ACCUMULATE
  y[at / 4u] = y[at / 4u] + value;
#else
  y[at / 4u] = value;
#endif
#else
#for c in 0..4
  if (j + ${c}u < ${N}u) {
#if KEEP
    kept[at + ${c}u] = value[${c}];
#endif
#if END == 2
    y[at + ${c}u] = value[${c}] * gelu_derivative(h[at + ${c}u]);
#elif END == 1
    y[at + ${c}u] = gelu(value[${c}]);
#elif ACCUMULATE
    y[at + ${c}u] = y[at + ${c}u] + value[${c}];
#else
    y[at + ${c}u] = value[${c}];
#endif
  }
#endfor
#endif
}
