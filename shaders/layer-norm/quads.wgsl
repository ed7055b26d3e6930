// y = (x − mean) rstd weight + bias over the channels of maps (n, c, plane), as maps.wgsl, for planes and channels that four
// divides. A workgroup takes 32 positions: lane p of 8 four of them, lane group g of 8 every eighth four of channels, in blocks
// of 4×4 in registers; both sides are read and written as vec4, rows by turning the block round. Mean and variance come from one
// reading (each four about its own mean, joined by the rule of Chan et al.), y from a second one, out of the cache.
#param ROWS positions
#param COLS channels
#param PLANE positions of one map
#param TO_ROWS 1: y is (rows, c)
#param EPS added to the variance
#param WRITE 1: y is written, else only the statistics

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
#if WRITE
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
#endif
@group(0) @binding(${WRITE ? 4 : 1}) var<storage, read_write> statistics: array<vec4f>; // mean of each row, then rstd of each

// Of each lane's channels, four positions side by side: mean, and Σ (x − mean)².
var<workgroup> means: array<vec4f, 64>;
var<workgroup> squares: array<vec4f, 64>;

const QUADS = ${COLS / 4}u;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let wanted = (group.x + group.y * groups.x) * 32u + local.x * 4u;
  let row = min(wanted, ${ROWS - 4}u);
  let base = (row / ${PLANE}u * ${PLANE * COLS}u + row % ${PLANE}u) / 4u;
  var own_mean = vec4f();
  var own_square = vec4f();
  var count = 0.0; // quads of channels so far
  for (var q = local.y; q < QUADS; q += 8u) {
#for j in 0..4
    let v${j} = x[base + q * ${PLANE}u + ${j * PLANE / 4}u];
#endfor
    let m = ((v0 + v1) + (v2 + v3)) * 0.25;
    let shift = m - own_mean;
    own_mean += shift / (count + 1.0);
    own_square += shift * shift * (4.0 * count / (count + 1.0));
#for j in 0..4
    own_square += (v${j} - m) * (v${j} - m);
#endfor
    count += 1.0;
  }
  means[local.y * 8u + local.x] = own_mean;
  squares[local.y * 8u + local.x] = own_square;
  workgroupBarrier();
  var m = vec4f();
#for g in 0..8
  m += means[local.x + ${g * 8}u] * ${max(0, (COLS / 4 - g + 7) / 8)}.0;
#endfor
  m /= ${COLS / 4}.0;
  var square = vec4f();
#for g in 0..8
  let d${g} = means[local.x + ${g * 8}u] - m;
  square += squares[local.x + ${g * 8}u] + d${g} * d${g} * ${4 * max(0, (COLS / 4 - g + 7) / 8)}.0;
#endfor
  let s = 1.0 / sqrt(square / ${COLS}.0 + ${EPS});
  if (wanted >= ${ROWS}u) {
    return;
  }
  if (local.y == 0u) {
    statistics[row / 4u] = m;
    statistics[(${ROWS}u + row) / 4u] = s;
  }
#if WRITE
  for (var q = local.y; q < QUADS; q += 8u) {
    let w = weight[q];
    let b = bias[q];
#for j in 0..4
    let n${j} = (x[base + q * ${PLANE}u + ${j * PLANE / 4}u] - m) * s;
#endfor
#for i in 0..4
#if TO_ROWS
    y[(row + ${i}u) * QUADS + q] = fma(vec4f(n0[${i}], n1[${i}], n2[${i}], n3[${i}]), w, b);
#else
    y[base + q * ${PLANE}u + ${i * PLANE / 4}u] = fma(n${i}, vec4f(w[${i}]), vec4f(b[${i}]));
#endif
#endfor
  }
#endif
}
