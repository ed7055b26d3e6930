// y = (x − mean) rstd weight + bias over channels; one row an invocation.
#param ROWS positions
#param EPS added to the variance
#import common/flat.wgsl
#import layer-norm/plain-layout.wgsl

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;

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
  for (var c = 0u; c < ${COLS}u; c++) {
    y[y_index(row, c)] = fma((x[x_index(row, c)] - m) * s, weight[c], bias[c]);
  }
  mean[row] = m;
  rstd[row] = s;
}
