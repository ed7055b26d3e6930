// mean and rstd = 1/√(variance + EPS) of the running statistics, one channel per invocation.
#param C: int // channels
#param EPS: f32 // added to the variance
#import common/flat.wgsl

#bind read running_mean: array<f32> // (C)
#bind read running_var: array<f32> // (C)
#bind read_write mean: array<f32> // (C)
#bind read_write rstd: array<f32> // (C)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = flat_index(group, groups, local);
  if (c < ${C}u) {
    store_mean(c, load_running_mean(c));
    store_rstd(c, 1.0 / sqrt(load_running_var(c) + ${EPS}));
  }
}
