// The phases of x for each output channel, zero where a phase has fewer rows or columns; one element per invocation.
#import conv2d/phase.wgsl
#import common/flat.wgsl

#bind read x: array<f32> // (BATCH, CI, H, W)
#bind read_write phases: array<f32> // (BATCH, CO·SH·SW, PHASE_H, PHASE_W)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= BATCH * CHANNELS * PHASE_AREA) {
    return;
  }
  let channel = at / PHASE_AREA;
  let phase = channel % PHASES;
  let row = at / ${PHASE_W}u % ${PHASE_H}u * SH + phase / SW;
  let col = at % ${PHASE_W}u * SW + phase % SW;
  var value = 0.0;
  if ((row < H) & (col < W)) {
    value = load_x((channel / PHASES / MULTIPLIER * H + row) * W + col);
  }
  store_phases(at, value);
}
