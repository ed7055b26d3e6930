// Reads of the operands of a matrix product, four elements at a time along the dimension they are stored in. Operand 0 is A
// with outer dimension m, operand 1 is B with outer dimension n. Beyond the edges an outer index is clamped (its results are
// not stored) and A reads zero past the inner size.
#param M rows of y
#param N columns of y
#param K inner size
#param TRANSPOSE_A 1: a is stored (k, m)
#param TRANSPOSE_B 1: b is stored (n, k)
#param STRIDE_A elements from one matrix of a to the next, 0 if shared
#param STRIDE_B elements from one matrix of b to the next, 0 if shared

#for o in 0..2
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
#endfor
