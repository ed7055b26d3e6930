// dbias[c] = Σz, dweight[c] = Σz·x̂ over the images, in their order. One channel per invocation.
#param N: int // images
#param C: int // channels
#import common/flat.wgsl

#bind read sums: array<vec2f> // (N, C)
#bind read_write dweight: array<f32> // (C)
#bind read_write dbias: array<f32> // (C)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = flat_index(group, groups, local);
  if (c < ${C}u) {
    var total = vec2f(0.0);
    for (var n = 0u; n < ${N}u; n++) {
      total += load_sums(n * ${C}u + c);
    }
    accumulate_dweight(c, total.y);
    accumulate_dbias(c, total.x);
  }
}
