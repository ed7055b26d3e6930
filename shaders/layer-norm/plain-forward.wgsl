// y = (x − mean) rstd weight + bias over channels; one row an invocation.
#param ROWS positions
#param EPS added to the variance
#param WRITE 1: y is written, else only the statistics
#import common/flat.wgsl
#import layer-norm/plain-layout.wgsl

@group(0) @binding(0) var<storage, read> x: array<f32>;
#if WRITE
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
#endif
@group(0) @binding(${WRITE ? 4 : 1}) var<storage, read_write> statistics: array<f32>; // mean of each row, then rstd of each

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = flat_index(group, groups, local);
  if (row >= ${ROWS}u) {
    return;
  }
  var sum = 0.0;
  for (var c = 0u; c < ${COLS}u; c++) {
    sum += x[x_index(row, c)];
  }
  let m = sum / ${COLS}.0;
  var square = 0.0;
  for (var c = 0u; c < ${COLS}u; c++) {
    let d = x[x_index(row, c)] - m;
    square = fma(d, d, square);
  }
  let s = 1.0 / sqrt(square / ${COLS}.0 + ${EPS});
#if WRITE
  for (var c = 0u; c < ${COLS}u; c++) {
    y[y_index(row, c)] = fma((x[x_index(row, c)] - m) * s, weight[c], bias[c]);
  }
#endif
  statistics[row] = m;
  statistics[${ROWS}u + row] = s;
}
