// out = x, or out = out + x, one element an invocation.
#param N elements
#param ACCUMULATE 1 to add to what is there
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
#if ACCUMULATE
    out[i] = out[i] + x[i];
#else
    out[i] = x[i];
#endif
  }
}
