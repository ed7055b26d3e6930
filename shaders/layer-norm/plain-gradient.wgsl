// dx = rstd (g − Σ g / c − x̂ Σ g x̂ / c), g = dy weight; one row an invocation.
#param ROWS positions
#import common/flat.wgsl
#import layer-norm/plain-layout.wgsl

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>; // mean of each row, then rstd of each
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = flat_index(group, groups, local);
  if (row >= ${ROWS}u) {
    return;
  }
  let m = statistics[row];
  let s = statistics[${ROWS}u + row];
  var sum = 0.0;
  var dot = 0.0;
  for (var c = 0u; c < ${COLS}u; c++) {
    let g = dy[y_index(row, c)] * weight[c];
    sum += g;
    dot = fma(g, (x[x_index(row, c)] - m) * s, dot);
  }
  for (var c = 0u; c < ${COLS}u; c++) {
    let g = dy[y_index(row, c)] * weight[c];
    dx[x_index(row, c)] = s * (g - sum / ${COLS}.0 - (x[x_index(row, c)] - m) * s * (dot / ${COLS}.0));
  }
}
