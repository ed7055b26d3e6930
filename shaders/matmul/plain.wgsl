// y = A B + bias, one output element an invocation, 8×8 of them a workgroup: for products too small to tile.
#param M rows of y
#param N columns of y
#param K inner size
#param TRANSPOSE_A 1: a is stored (k, m)
#param TRANSPOSE_B 1: b is stored (n, k)
#param STRIDE_A elements from one matrix of a to the next, 0 if shared
#param STRIDE_B elements from one matrix of b to the next, 0 if shared
#param BATCH matrices of y
#param SUMMED matrices summed into each of y
#param HAS_BIAS 1: a bias is added
#param BIAS_COLS 1: the bias has n elements, else m
#param ACCUMULATE 1 to add to what is there

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
#if HAS_BIAS
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
#else
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
#endif

const COLUMNS = ${ceildiv(N, 8)}u;
const TILES = ${ceildiv(M, 8) * ceildiv(N, 8)}u;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let tile = group.x + group.y * groups.x;
  let batch = tile / TILES;
  let i = tile % TILES / COLUMNS * 8u + local.y;
  let j = tile % TILES % COLUMNS * 8u + local.x;
  if (batch >= ${BATCH}u || i >= ${M}u || j >= ${N}u) {
    return;
  }
  var sum = 0.0;
  for (var s = batch * ${SUMMED}u; s < (batch + 1u) * ${SUMMED}u; s++) {
    for (var l = 0u; l < ${K}u; l++) {
#if TRANSPOSE_A
      let left = a[s * ${STRIDE_A}u + l * ${M}u + i];
#else
      let left = a[s * ${STRIDE_A}u + i * ${K}u + l];
#endif
#if TRANSPOSE_B
      let right = b[s * ${STRIDE_B}u + j * ${K}u + l];
#else
      let right = b[s * ${STRIDE_B}u + l * ${N}u + j];
#endif
      sum = fma(left, right, sum);
    }
  }
#if BIAS_COLS
  sum += bias[j];
#elif HAS_BIAS
  sum += bias[i];
#endif
  let at = (batch * ${M}u + i) * ${N}u + j;
#if ACCUMULATE
  y[at] = y[at] + sum;
#else
  y[at] = sum;
#endif
}
