// The end of a matrix product, from its sums to memory; bindings FIRST and up. Value = sums + bias, and then, by END,
//   0  y = value
//   1  y = gelu(value)
//   2  y = value gelu'(h), h (m, n)
//   3  y = addend + mask[image] gamma[j] value, y and addend maps (images, n, PLANE), row i = image·PLANE + position
// With KEEP the value is written too, as (m, n).
#param M rows of y
#param N columns of y
#param HAS_BIAS 1: a bias is added
#param BIAS_COLS 1: the bias has n elements, else m
#param ACCUMULATE 1 to add to what is there
#param END what becomes of the value
#param KEEP 1: the value is written too
#param FIRST binding of the first of these
#param GAMMA END 3: 1: a factor a channel
#param MASK END 3: 1: a factor an image
#param PLANE END 3: positions of one map
#param QUADS END 3: 1: four rows at a time, by `store_quad`; four divides PLANE
#import common/gelu.wgsl
#import scale-residual/factor.wgsl

#if N % 4 == 0
alias Stored = vec4f;
#else
alias Stored = f32;
#endif
#if HAS_BIAS
@group(0) @binding(${FIRST}) var<storage, read> bias: array<f32>;
#endif
#if END == 2
@group(0) @binding(${FIRST + HAS_BIAS}) var<storage, read> h: array<Stored>;
#endif
#if END == 3
#if QUADS
alias Mapped = vec4f;
#else
alias Mapped = f32;
#endif
@group(0) @binding(${FIRST + HAS_BIAS}) var<storage, read> addend: array<Mapped>;
#if GAMMA
@group(0) @binding(${FIRST + HAS_BIAS + 1}) var<storage, read> gamma: array<f32>; // (n)
#endif
#if MASK
@group(0) @binding(${FIRST + HAS_BIAS + GAMMA + 1}) var<storage, read> mask: array<f32>; // (images)
#endif
@group(0) @binding(${FIRST + HAS_BIAS + GAMMA + MASK + 1}) var<storage, read_write> y: array<Mapped>;
#else
@group(0) @binding(${FIRST + HAS_BIAS + (END == 2)}) var<storage, read_write> y: array<Stored>;
#endif
#if KEEP
@group(0) @binding(${FIRST + HAS_BIAS + (END == 3 ? GAMMA + MASK + 1 : 0) + 1}) var<storage, read_write> kept: array<Stored>;
#endif

fn with_bias(sums: vec4f, i: u32, j: u32) -> vec4f {
  var value = sums;
#if HAS_BIAS && BIAS_COLS
#for c in 0..4
  value[${c}] += bias[min(j + ${c}u, ${N - 1}u)];
#endfor
#elif HAS_BIAS
  value += bias[i];
#endif
  return value;
}

#if QUADS
// Stores the sums of rows i … i+3 and columns j … j+3, both multiples of 4.
fn store_quad(i: u32, j: u32, sums: array<vec4f, 4>) {
  if (i >= ${M}u || j >= ${N}u) {
    return;
  }
#for r in 0..4
  let value${r} = with_bias(sums[${r}], i + ${r}u, j);
#if KEEP && N % 4 == 0
  kept[((i + ${r}u) * ${N}u + j) / 4u] = value${r};
#endif
#endfor
  let image = i / ${PLANE}u;
#for c in 0..4
  if (j + ${c}u < ${N}u) {
#if KEEP && N % 4 != 0
#for r in 0..4
    kept[(i + ${r}u) * ${N}u + j + ${c}u] = value${r}[${c}];
#endfor
#endif
    let at = ((image * ${N}u + j + ${c}u) * ${PLANE}u + i % ${PLANE}u) / 4u;
    y[at] = fma(vec4f(value0[${c}], value1[${c}], value2[${c}], value3[${c}]), vec4f(factor(image, j + ${c}u)), addend[at]);
  }
#endfor
}
#else
// Stores the sums of y[matrix, i, j … j+3], j a multiple of 4.
fn store(matrix: u32, i: u32, j: u32, sums: vec4f) {
  if (i >= ${M}u || j >= ${N}u) {
    return;
  }
  let value = with_bias(sums, i, j);
  let at = (matrix * ${M}u + i) * ${N}u + j;
#if END == 3
  let image = i / ${PLANE}u;
#for c in 0..4
  if (j + ${c}u < ${N}u) {
    let mapped = (image * ${N}u + j + ${c}u) * ${PLANE}u + i % ${PLANE}u;
    y[mapped] = fma(value[${c}], factor(image, j + ${c}u), addend[mapped]);
#if KEEP && N % 4 != 0
    kept[at + ${c}u] = value[${c}];
#endif
  }
#endfor
#if KEEP && N % 4 == 0
  kept[at / 4u] = value;
#endif
#elif N % 4 == 0
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
#endif
