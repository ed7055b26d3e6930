// Adds up the parts of each channel in order: means[c] = (Σz, Σz·x̂)/COUNT, and with PARAMETERS dbias = Σz, dweight = Σz·x̂.
#param C channels
#param PARTS parts of a channel
#param COUNT elements of a channel
#param PARAMETERS 1 to write dweight and dbias
#param ACCUMULATE_WEIGHT 1 to add to dweight
#param ACCUMULATE_BIAS 1 to add to dbias
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> parts: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> means: array<vec2f>;
#if PARAMETERS
@group(0) @binding(2) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(3) var<storage, read_write> dbias: array<f32>;
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = flat_index(group, groups, local);
  if (c >= ${C}u) {
    return;
  }
  var sum = vec2f(0.0);
  for (var p = 0u; p < ${PARTS}u; p++) {
    sum += parts[c * ${PARTS}u + p];
  }
  means[c] = sum / ${COUNT}.0;
#if PARAMETERS
#if ACCUMULATE_WEIGHT
  dweight[c] += sum.y;
#else
  dweight[c] = sum.y;
#endif
#if ACCUMULATE_BIAS
  dbias[c] += sum.x;
#else
  dbias[c] = sum.x;
#endif
#endif
}
