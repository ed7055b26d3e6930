// y = (w − mean)·rstd, rstd = 1/√(mean((w − mean)²) + EPS), of each row of a weight. One workgroup a row: two passes for the statistics, so
// that a mean far from zero cancels nothing, and a third that writes.
#param EPS: f32 // added to the variance
#import standardize/total.wgsl

#bind read weight: array<f32> // (ROWS, COLS)
#bind read_write y: array<f32> // (ROWS, COLS)
#bind read_write mean: array<f32> // (ROWS)
#bind read_write rstd: array<f32> // (ROWS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= ${ROWS}u) {
    return;
  }
  let first = row * ${COLS}u;
  var sum = 0.0;
  for (var i = local; i < ${COLS}u; i += ${WORKGROUP}u) {
    sum += load_weight(first + i);
  }
  let m = workgroup_total(local, vec2f(sum, 0.0)).x / ${COLS}.0;
  var squares = 0.0;
  for (var i = local; i < ${COLS}u; i += ${WORKGROUP}u) {
    let d = load_weight(first + i) - m;
    squares = fma(d, d, squares);
  }
  let scale = 1.0 / sqrt(workgroup_total(local, vec2f(squares, 0.0)).x / ${COLS}.0 + ${EPS});
  for (var i = local; i < ${COLS}u; i += ${WORKGROUP}u) {
    store_y(first + i, (load_weight(first + i) - m) * scale);
  }
  if (local == 0u) {
    store_mean(row, m);
    store_rstd(row, scale);
  }
}
