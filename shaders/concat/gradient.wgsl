// da[n], then db[n] = dy[n]; one element per invocation.
#param N: int // elements of dy
#param A: int // elements of an image of da
#param B: int // elements of an image of db
#import common/flat.wgsl

#bind read dy: array<f32> // (n, A + B)
#bind read_write da: array<f32> // (n, A)
#bind read_write db: array<f32> // (n, B)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = flat_index(group, groups, local);
  if (at >= ${N}u) {
    return;
  }
  let n = at / ${A + B}u;
  let i = at % ${A + B}u;
  if (i < ${A}u) {
    store_da(n * ${A}u + i, load_dy(at));
  } else {
    store_db(n * ${B}u + i - ${A}u, load_dy(at));
  }
}
