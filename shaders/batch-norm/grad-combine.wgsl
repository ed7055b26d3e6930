// Adds up the parts of each channel in order: means[c] = (Σz, Σz·x̂)/COUNT, and with parameters dbias = Σz, dweight = Σz·x̂.
#param C: int // channels
#param PARTS: int // parts of a channel
#param COUNT: int // elements of a channel
#import common/flat.wgsl

#bind read parts: array<vec2f> // (C, PARTS)
#bind read_write means: array<vec2f> // (C)
#bind read_write dweight?: array<f32> // (C)
#if bound(dweight)
#bind read_write dbias: array<f32> // (C)
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = flat_index(group, groups, local);
  if (c >= ${C}u) {
    return;
  }
  var sum = vec2f(0.0);
  for (var p = 0u; p < ${PARTS}u; p++) {
    sum += load_parts(c * ${PARTS}u + p);
  }
  store_means(c, sum / ${COUNT}.0);
#if bound(dweight)
  accumulate_dweight(c, sum.y);
  accumulate_dbias(c, sum.x);
#endif
}
