// Merges the parts of each channel in order into mean and rstd = 1/√(variance + EPS), and with running statistics moves them
// by MOMENTUM towards the batch's mean and unbiased variance. One channel per invocation.
#param C: int // channels
#param PARTS: int // parts of a channel
#param RUN: int // elements of a part
#param COUNT: int // elements of a channel
#param EPS: f32 // added to the variance
#param MOMENTUM: f32 // of the running statistics
#import common/flat.wgsl

#bind read parts: array<vec2f> // (C, PARTS)
#bind read_write mean: array<f32> // (C)
#bind read_write rstd: array<f32> // (C)
#bind read_write running_mean?: array<f32> // (C)
#if bound(running_mean)
#bind read_write running_var: array<f32> // (C)
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = flat_index(group, groups, local);
  if (c >= ${C}u) {
    return;
  }
  var m = 0.0;
  var squares = 0.0;
  for (var p = 0u; p < ${PARTS}u; p++) {
    let part = load_parts(c * ${PARTS}u + p);
    let before = f32(p * ${RUN}u);
    let count = f32(min(${RUN}u, ${COUNT}u - p * ${RUN}u));
    let share = count / (before + count);
    let delta = part.x - m;
    m += delta * share;
    squares += part.y + delta * delta * before * share;
  }
  store_mean(c, m);
  store_rstd(c, 1.0 / sqrt(squares / ${COUNT}.0 + ${EPS}));
#if bound(running_mean)
  store_running_mean(c, (1.0 - ${MOMENTUM}) * load_running_mean(c) + ${MOMENTUM} * m);
  store_running_var(c, (1.0 - ${MOMENTUM}) * load_running_var(c) + ${MOMENTUM} * (squares / ${COUNT - 1}.0));
#endif
}
