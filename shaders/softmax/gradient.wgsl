// dx = y (dy − Σ dy y) of each row.
#import softmax/row.wgsl

#bind read y: array<f32> // (rows, cols)
#bind read dy: array<f32> // (rows, cols)
#bind read_write dx: array<f32> // (rows, cols)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = flat_index(group, groups, local) / ${LANES}u;
  // Rows past the last are computed as the last, because all meet at barriers, and not written.
  let first = min(row, ${ROWS - 1}u) * ${COLS}u;
  let lane = local % ${LANES}u;
  var products = 0.0;
  for (var c = lane; c < ${COLS}u; c += ${LANES}u) {
    products = fma(load_y(first + c), load_dy(first + c), products);
  }
  let dot = row_sum(products, local);
  if (row < ${ROWS}u) {
    for (var c = lane; c < ${COLS}u; c += ${LANES}u) {
      store_dx(first + c, load_y(first + c) * (load_dy(first + c) - dot));
    }
  }
}
