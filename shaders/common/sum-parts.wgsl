// out[i] = Σ_p parts[p, i], or out += it; the second, ordered stage of a reduction. One element an invocation.
#param N elements of out
#param PARTS partial results
#param ACCUMULATE 1 to add to what is there
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> parts: array<f32>; // (PARTS, N)
@group(0) @binding(1) var<storage, read_write> out: array<f32>; // (N)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
#if ACCUMULATE
    var sum = out[i];
#else
    var sum = 0.0;
#endif
    for (var p = 0u; p < ${PARTS}u; p++) {
      sum += parts[p * ${N}u + i];
    }
    out[i] = sum;
  }
}
