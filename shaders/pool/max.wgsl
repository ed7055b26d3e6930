// y = maximum over a window, one output per invocation.
#param N: int // elements of y
#import pool/window.wgsl
#import common/flat.wgsl

#bind read x: array<f32> // (n, c, H, W)
#bind read_write y: array<f32> // (n, c, HO, WO)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    store_y(i, window_maximum(i / (WO * HO), (i / WO) % HO, i % WO).value);
  }
}
