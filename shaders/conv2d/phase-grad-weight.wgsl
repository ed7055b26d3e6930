// dweight[o, i, j] from the gradient of its phase's taps; zero for taps that only ever meet padding. One tap per invocation.
#import conv2d/phase.wgsl
#import common/flat.wgsl

#bind read parts: array<f32> // (CO·SH·SW, 1, TAPS_H, TAPS_W)
#bind read_write dweight: array<f32> // (CO, 1, KH, KW)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= CO * KH * KW) {
    return;
  }
  // Moved by whole strides, so that nothing is divided below zero.
  let i = at / KW % KH + ${SH * PH - PH}u;
  let j = at % KW + ${SW * PW - PW}u;
  let phase = i % SH * SW + j % SW;
  // Offsets before the first wrap to large unsigned numbers.
  let row = i / SH - ${PH + FIRST_Y}u;
  let col = j / SW - ${PW + FIRST_X}u;
  var value = 0.0;
  if ((row < ${TAPS_H}u) & (col < ${TAPS_W}u)) {
    value = load_parts((at / (KH * KW) * PHASES + phase) * TAPS_AREA + row * ${TAPS_W}u + col);
  }
  accumulate_dweight(at, value);
}
