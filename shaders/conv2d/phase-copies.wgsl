// dy once for each phase; one element per invocation.
#import conv2d/phase.wgsl
#import common/flat.wgsl

#bind read dy: array<f32> // (BATCH, CO, HO, WO)
#bind read_write copies: array<f32> // (BATCH, CO·SH·SW, HO, WO)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at < BATCH * CHANNELS * HO * WO) {
    store_copies(at, load_dy(at / (HO * WO * PHASES) * (HO * WO) + at % (HO * WO)));
  }
}
