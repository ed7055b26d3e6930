// y[n] = a[n], then b[n]; one element per invocation.
#param N: int // elements of y
#param A: int // elements of an image of a
#param B: int // elements of an image of b
#import common/flat.wgsl

#bind read a: array<f32> // (n, A)
#bind read b: array<f32> // (n, B)
#bind read_write y: array<f32> // (n, A + B)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  let n = at / ${A + B}u;
  let i = at % ${A + B}u;
  if (i < ${A}u) {
    store_y(at, load_a(n * ${A}u + i));
  } else {
    store_y(at, load_b(n * ${B}u + i - ${A}u));
  }
}
