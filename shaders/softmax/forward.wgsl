// y = e^{x − m} / Σ e^{x − m}, m = max x, of each row.
#import softmax/row.wgsl

#bind read x: array<f32> // (rows, cols)
#bind read_write y: array<f32> // (rows, cols)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = flat_index(group, groups, local) / ${LANES}u;
  // Rows past the last are computed as the last, because all meet at barriers, and not written.
  let first = min(row, ${ROWS - 1}u) * ${COLS}u;
  let lane = local % ${LANES}u;
  var own = -3.4028234663852886e38;
  for (var c = lane; c < ${COLS}u; c += ${LANES}u) {
    own = max(own, load_x(first + c));
  }
  let largest = row_max(own, local);
  var powers = 0.0;
  for (var c = lane; c < ${COLS}u; c += ${LANES}u) {
    powers += exp(load_x(first + c) - largest);
  }
  let mass = row_sum(powers, local);
  if (row < ${ROWS}u) {
    for (var c = lane; c < ${COLS}u; c += ${LANES}u) {
      store_y(first + c, exp(load_x(first + c) - largest) / mass);
    }
  }
}
