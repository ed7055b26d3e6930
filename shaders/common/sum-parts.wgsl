// out[i] = Σ_p parts[p, i], or out += it; the second, ordered stage of a reduction. One element per invocation.
#param N: int // elements of out
#param PARTS: int // partial results
#import common/flat.wgsl

#bind read parts: array<f32> // (PARTS, N)
#bind read_write out: array<f32> // (N)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
#if accumulates(out)
    var sum = load_out(i);
#else
    var sum = 0.0;
#endif
    for (var p = 0u; p < ${PARTS}u; p++) {
      sum += load_parts(p * ${N}u + i);
    }
    store_out(i, sum);
  }
}
