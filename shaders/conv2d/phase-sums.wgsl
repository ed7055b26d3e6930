// y[n, o] = bias[o] + the sum over the phases of output channel o; one element per invocation.
#import conv2d/phase.wgsl
#import common/flat.wgsl

#bind read parts: array<f32> // (BATCH, CO·SH·SW, HO, WO)
#bind read bias?: array<f32> // (CO)
#bind read_write y: array<f32> // (BATCH, CO, HO, WO)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= BATCH * CO * HO * WO) {
    return;
  }
  let plane = at / (HO * WO);
#if bound(bias)
  var sum = load_bias(plane % CO);
#else
  var sum = 0.0;
#endif
  for (var phase = 0u; phase < PHASES; phase++) {
    sum += load_parts((plane * PHASES + phase) * (HO * WO) + at % (HO * WO));
  }
  store_y(at, sum);
}
