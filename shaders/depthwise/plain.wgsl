// Depthwise correlation, one output per invocation: for very small kernels, and for maps too wide for the other kernels' tiles.
// A workgroup owns LANES neighbouring outputs of one plane.
#import depthwise/common.wgsl
#import depthwise/sum.wgsl

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let g = i32(group.x + group.y * groups.x);
  if (g >= GROUPS) {
    return;
  }
  let i = g % ${SEGMENT_GROUPS * BLOCK_GROUPS} * ${LANES} + i32(local);
  let c = g / ${SEGMENT_GROUPS * BLOCK_GROUPS} % ${CHANNELS};
  let batch = g / ${SEGMENT_GROUPS * BLOCK_GROUPS * CHANNELS};
  plain(batch, c, i / ${OUT_W}, i % ${OUT_W});
#if MODE == weight
  if (g % ${SEGMENT_GROUPS * BLOCK_GROUPS} == 0) {
    clear_dead(c, i32(local));
#if DBIAS
    if (local == 0) {
      plain_bias(batch, c);
    }
#endif
  }
#endif
}
