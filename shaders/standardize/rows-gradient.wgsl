// dw = rstd·(dy − mean(dy) − ŵ·mean(dy·ŵ)), ŵ = (w − mean)·rstd, of each row of a weight. One workgroup a row.
#import standardize/total.wgsl

#bind read weight: array<f32> // (ROWS, COLS)
#bind read dy: array<f32> // (ROWS, COLS)
#bind read mean: array<f32> // (ROWS)
#bind read rstd: array<f32> // (ROWS)
#bind read_write dweight: array<f32> // (ROWS, COLS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= ${ROWS}u) {
    return;
  }
  let first = row * ${COLS}u;
  let m = load_mean(row);
  let scale = load_rstd(row);
  var own = vec2f(0.0);
  for (var i = local; i < ${COLS}u; i += ${WORKGROUP}u) {
    let g = load_dy(first + i);
    own += vec2f(g, g * ((load_weight(first + i) - m) * scale));
  }
  let means = workgroup_total(local, own) / ${COLS}.0;
  for (var i = local; i < ${COLS}u; i += ${WORKGROUP}u) {
    let standard = (load_weight(first + i) - m) * scale;
    accumulate_dweight(first + i, scale * (load_dy(first + i) - means.x - standard * means.y));
  }
}
