// means[g] = (Σ weight·Σz, Σ weight·Σz·x̂) over the channels of a group of one image, over the group's elements. One group per invocation.
#import group-norm/shape.wgsl
#import common/flat.wgsl

#bind read sums: array<vec2f> // (N, C)
#bind read weight: array<f32> // (C)
#bind read_write means: array<vec2f> // (N, GROUPS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let g = flat_index(group, groups, local);
  if (g < ${N * GROUPS}u) {
    var total = vec2f(0.0);
    for (var plane = g * ${CHANNELS}u; plane < (g + 1u) * ${CHANNELS}u; plane++) {
      total += load_weight(channel_of(plane)) * load_sums(plane);
    }
    store_means(g, total / ${CHANNELS * AREA}.0);
  }
}
