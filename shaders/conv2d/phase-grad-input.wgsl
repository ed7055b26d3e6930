// dx[n, c] = the sum over the output channels of c, each element from its own phase; one element per invocation.
#import conv2d/phase.wgsl
#import common/flat.wgsl

#bind read parts: array<f32> // (BATCH, CO·SH·SW, PHASE_H, PHASE_W)
#bind read_write dx: array<f32> // (BATCH, CI, H, W)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= BATCH * CI * H * W) {
    return;
  }
  let col = at % W;
  let row = at / W % H;
  let phase = row % SH * SW + col % SW;
  let within = row / SH * ${PHASE_W}u + col / SW;
  let first = at / (W * H) * MULTIPLIER;
  var sum = 0.0;
  for (var o = first; o < first + MULTIPLIER; o++) {
    sum += load_parts((o * PHASES + phase) * PHASE_AREA + within);
  }
  store_dx(at, sum);
}
