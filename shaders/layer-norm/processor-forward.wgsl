// y = (x − mean) rstd weight + bias over channels; one row per invocation.
#param ROWS: int // positions
#param EPS: f32 // added to the variance
#import common/flat.wgsl
#import layer-norm/processor-layout.wgsl

#bind read x: array<f32> // (rows, c) or (n, c, plane)
#bind read_write y?: array<f32> // x normalised; without it only the statistics are written
#if bound(y)
#bind read weight: array<f32> // (c)
#bind read bias: array<f32> // (c)
#endif
#bind read_write statistics: array<f32> // mean of each row, then rstd of each

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = flat_index(group, groups, local);
  if (row >= ${ROWS}u) {
    return;
  }
  var sum = 0.0;
  for (var c = 0u; c < ${COLS}u; c++) {
    sum += load_x(x_index(row, c));
  }
  let m = sum / ${COLS}.0;
  var square = 0.0;
  for (var c = 0u; c < ${COLS}u; c++) {
    let d = load_x(x_index(row, c)) - m;
    square = fma(d, d, square);
  }
  let s = 1.0 / sqrt(square / ${COLS}.0 + ${EPS});
#if bound(y)
  for (var c = 0u; c < ${COLS}u; c++) {
    store_y(y_index(row, c), fma((load_x(x_index(row, c)) - m) * s, load_weight(c), load_bias(c)));
  }
#endif
  store_statistics(row, m);
  store_statistics(${ROWS}u + row, s);
}
