// dx = rstd (g − Σ g / c − x̂ Σ g x̂ / c), g = dy weight; one row per invocation.
#param ROWS: int // positions
#import common/flat.wgsl
#import layer-norm/processor-layout.wgsl

#bind read x: array<f32> // (rows, c) or (n, c, plane)
#bind read weight: array<f32> // (c)
#bind read statistics: array<f32> // mean of each row, then rstd of each
#bind read dy: array<f32> // (rows, c) or (n, c, plane)
#bind read_write dx: array<f32> // (rows, c) or (n, c, plane)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = flat_index(group, groups, local);
  if (row >= ${ROWS}u) {
    return;
  }
  let m = load_statistics(row);
  let s = load_statistics(${ROWS}u + row);
  var sum = 0.0;
  var dot = 0.0;
  for (var c = 0u; c < ${COLS}u; c++) {
    let g = load_dy(y_index(row, c)) * load_weight(c);
    sum += g;
    dot = fma(g, (load_x(x_index(row, c)) - m) * s, dot);
  }
  for (var c = 0u; c < ${COLS}u; c++) {
    let g = load_dy(y_index(row, c)) * load_weight(c);
    store_dx(x_index(row, c), s * (g - sum / ${COLS}.0 - (load_x(x_index(row, c)) - m) * s * (dot / ${COLS}.0)));
  }
}
