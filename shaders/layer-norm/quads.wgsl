// y = (x − mean) rstd weight + bias over the channels of maps (n, c, plane), as maps.wgsl, where plane and c are multiples of four.
// A workgroup takes 32 positions: each of 8 lanes four of them, and each of 8 lane groups every eighth quad of channels, in 4×4
// blocks in registers. Both sides are read and written as vec4; for rows the block is transposed. Mean and variance come from one
// pass (each quad about its own mean, merged by the rule of Chan et al.); y comes from a second pass that hits the cache.
#param ROWS: int // positions
#param COLS: int // channels
#param PLANE: int // positions of one map
#param TO_ROWS: bool // y is (rows, c)
#param EPS: f32 // added to the variance

#bind read x: array<vec4f> // (n, c, plane)
#bind read_write y?: array<vec4f> // x normalised; without it only the statistics are written
#if bound(y)
#bind read weight: array<vec4f> // (c)
#bind read bias: array<vec4f> // (c)
#endif
#bind read_write statistics: array<vec4f> // mean of each row, then rstd of each

// For each lane's channels, four positions side by side: mean, and Σ (x − mean)².
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
    let v${j} = load_x(base + q * ${PLANE}u + ${j * PLANE / 4}u);
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
    store_statistics(row / 4u, m);
    store_statistics((${ROWS}u + row) / 4u, s);
  }
#if bound(y)
  for (var q = local.y; q < QUADS; q += 8u) {
    let w = load_weight(q);
    let b = load_bias(q);
#for j in 0..4
    let n${j} = (load_x(base + q * ${PLANE}u + ${j * PLANE / 4}u) - m) * s;
#endfor
#for i in 0..4
#if TO_ROWS
    store_y((row + ${i}u) * QUADS + q, fma(vec4f(n0[${i}], n1[${i}], n2[${i}], n3[${i}]), w, b));
#else
    store_y(base + q * ${PLANE}u + ${i * PLANE / 4}u, fma(n${i}, vec4f(w[${i}]), vec4f(b[${i}])));
#endif
#endfor
  }
#endif
}
