// The taps of each phase, zero where it has none; TURNED, in reverse. One tap per invocation.
#param TURNED: bool // rows and columns in reverse
#import conv2d/phase.wgsl
#import common/flat.wgsl

#bind read weight: array<f32> // (CO, 1, KH, KW)
#bind read_write taps: array<f32> // (CO·SH·SW, 1, TAPS_H, TAPS_W)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= CHANNELS * TAPS_AREA) {
    return;
  }
  let channel = at / TAPS_AREA;
  let phase = channel % PHASES;
#if TURNED
  let tap = TAPS_AREA - 1u - at % TAPS_AREA;
#else
  let tap = at % TAPS_AREA;
#endif
  let offset = FIRST + vec2i(i32(tap / ${TAPS_W}u), i32(tap % ${TAPS_W}u));
  // Rows and columns of the kernel below zero wrap to large unsigned numbers.
  let k = vec2u(offset * vec2i(${SH}, ${SW}) + vec2i(i32(phase / SW) + ${PH}, i32(phase % SW) + ${PW}));
  var value = 0.0;
  if ((k.x < KH) & (k.y < KW)) {
    value = load_weight((channel / PHASES * KH + k.x) * KW + k.y);
  }
  store_taps(at, value);
}
