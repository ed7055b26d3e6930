// mean and rstd = 1/√(variance + EPS) of the running statistics, one channel an invocation.
#param C channels
#param EPS f32 literal
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> running_mean: array<f32>;
@group(0) @binding(1) var<storage, read> running_var: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = flat_index(group, groups, local);
  if (c < ${C}u) {
    mean[c] = running_mean[c];
    rstd[c] = 1.0 / sqrt(running_var[c] + ${EPS});
  }
}
