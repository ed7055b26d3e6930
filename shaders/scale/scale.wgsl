// y = FACTOR · x, one element an invocation.
#param N elements
#param FACTOR f32 literal
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    y[i] = x[i] * ${FACTOR};
  }
}
