// The epilogue of a matmul, from sums to memory. value = sums + bias; then, by EPILOGUE,
//   plain          y = value, or y += value
//   gelu           y = gelu(value)
//   gelu_gradient  y = value gelu'(h)
//   residual       y = addend + mask[image] gamma[j] value; row i = image·PLANE + position
// With `kept` the value is stored too.
#param shared M: int // rows of y
#param shared N: int // columns of y
#param BIAS: rows | cols // the bias has m elements, or n
#param EPILOGUE: plain | gelu | gelu_gradient | residual // how y is made of the value
#param shared PLANE: int // positions of one map
#param QUADS: bool // residual stores four rows at a time, by `store_quad`; PLANE is a multiple of four
#import matmul/gelu.wgsl
#import layout/factor.wgsl

#type Stored = N % 4 == 0 ? vec4f : f32
#bind read bias?: array<f32> // (m) or (n)
#if EPILOGUE == gelu_gradient
#bind read h: array<Stored> // (m, n)
#endif
#if EPILOGUE == residual
#type Mapped = QUADS ? vec4f : f32
#bind read addend: array<Mapped> // (images, n, PLANE)
#bind read gamma?: array<f32> // (n)
#bind read mask?: array<f32> // (images)
#bind read_write y: array<Mapped> // (images, n, PLANE)
#else
#bind read_write y: array<Stored> // (matrices, m, n)
#endif
#bind read_write kept?: array<Stored> // (m, n)

fn with_bias(sums: vec4f, i: u32, j: u32) -> vec4f {
  var value = sums;
#if bound(bias) && BIAS == cols
#for c in 0..4
#if N % 4 == 0
  value[${c}] += load_bias(j + ${c}u);
#else
  value[${c}] += load_bias(min(j + ${c}u, ${N - 1}u));
#endif
#endfor
#elif bound(bias)
  value += load_bias(i);
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
#if bound(kept) && N % 4 == 0
  store_kept(((i + ${r}u) * ${N}u + j) / 4u, value${r});
#endif
#endfor
  let image = i / ${PLANE}u;
#for c in 0..4
  if (j + ${c}u < ${N}u) {
#if bound(kept) && N % 4 != 0
#for r in 0..4
    store_kept((i + ${r}u) * ${N}u + j + ${c}u, value${r}[${c}]);
#endfor
#endif
    let at = ((image * ${N}u + j + ${c}u) * ${PLANE}u + i % ${PLANE}u) / 4u;
    store_y(at, fma(vec4f(value0[${c}], value1[${c}], value2[${c}], value3[${c}]), vec4f(factor(image, j + ${c}u)), load_addend(at)));
  }
#endfor
}
#else
#if EPILOGUE == gelu_gradient
// h[i, j … j+3], j a multiple of 4; arbitrary past the edges.
fn h_at(i: u32, j: u32) -> vec4f {
  let row = min(i, ${M - 1}u) * ${N}u;
#if N % 4 == 0
  return load_h((row + min(j, ${N - 4}u)) / 4u);
#else
  return vec4f(
#for c in 0..4
    load_h(row + min(j + ${c}u, ${N - 1}u)),
#endfor
  );
#endif
}
#endif

// Where y[matrix, i, j] is stored, j a multiple of 4.
fn place(matrix: u32, i: u32, j: u32) -> u32 {
#if N % 4 == 0
  return (matrix * ${M}u + i) * ${N / 4}u + j / 4u;
#else
  return (matrix * ${M}u + i) * ${N}u + j;
#endif
}

// Stores the sums of y[matrix, i, j … j+3], j a multiple of 4.
fn store(matrix: u32, i: u32, j: u32, sums: vec4f) {
  if (i >= ${M}u || j >= ${N}u) {
    return;
  }
#if EPILOGUE == gelu_gradient
  store_with(place(matrix, i, j), i, j, sums, h_at(i, j));
#else
  store_with(place(matrix, i, j), i, j, sums, vec4f());
#endif
}

// The same where row i and column j are known to exist; `at` is their place, `before` is h there.
fn store_with(at: u32, i: u32, j: u32, sums: vec4f, before: vec4f) {
  let value = with_bias(sums, i, j);
#if bound(kept) && N % 4 == 0
  store_kept(at, value);
#elif bound(kept)
#for c in 0..4
  if (j + ${c}u < ${N}u) {
    store_kept(at + ${c}u, value[${c}]);
  }
#endfor
#endif
#if EPILOGUE == residual
  let image = i / ${PLANE}u;
#for c in 0..4
  if (j + ${c}u < ${N}u) {
    let mapped = (image * ${N}u + j + ${c}u) * ${PLANE}u + i % ${PLANE}u;
    store_y(mapped, fma(value[${c}], factor(image, j + ${c}u), load_addend(mapped)));
  }
#endfor
#else
#if EPILOGUE == gelu_gradient
  let result = value * derivative_quad(before);
#elif EPILOGUE == gelu
  let result = gelu_quad(value);
#else
  let result = value;
#endif
#if N % 4 == 0
  accumulate_y(at, result);
#else
#for c in 0..4
  if (j + ${c}u < ${N}u) {
    accumulate_y(at + ${c}u, result[${c}]);
  }
#endfor
#endif
#endif
}
#endif
