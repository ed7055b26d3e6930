// Merges the parts of each channel in order into mean and rstd = 1/√(variance + EPS), and with UPDATE moves the running
// statistics by MOMENTUM towards the batch's mean and unbiased variance. One channel an invocation.
#param C channels
#param PARTS parts of a channel
#param RUN elements of a part
#param COUNT elements of a channel
#param EPS f32 literal
#param MOMENTUM f32 literal
#param UPDATE 1 to update the running statistics
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> parts: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> rstd: array<f32>;
#if UPDATE
@group(0) @binding(3) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> running_var: array<f32>;
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
    let part = parts[c * ${PARTS}u + p];
    let before = f32(p * ${RUN}u);
    let count = f32(min(${RUN}u, ${COUNT}u - p * ${RUN}u));
    let share = count / (before + count);
    let delta = part.x - m;
    m += delta * share;
    squares += part.y + delta * delta * before * share;
  }
  mean[c] = m;
  rstd[c] = 1.0 / sqrt(squares / ${COUNT}.0 + ${EPS});
#if UPDATE
  running_mean[c] = (1.0 - ${MOMENTUM}) * running_mean[c] + ${MOMENTUM} * m;
  running_var[c] = (1.0 - ${MOMENTUM}) * running_var[c] + ${MOMENTUM} * (squares / ${COUNT - 1}.0);
#endif
}
