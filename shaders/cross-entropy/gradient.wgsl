// dlogits = dloss (e^{z − m} Σt / Σ e^{z − m} − t), one row per workgroup.
#import cross-entropy/row.wgsl

#bind read logits: array<f32> // (ROWS, K)
#bind read targets: array<f32> // (ROWS, K)
#bind read dloss: array<f32> // (ROWS)
#bind read_write dlogits: array<f32> // (ROWS, K)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= ${ROWS}u) {
    return;
  }
  let largest = row_maximum(row, local);
  let sums = row_sums(row, largest, local);
  let scale = sums.y / sums.x;
  for (var i = local; i < ${K}u; i += ${WORKGROUP}u) {
    let at = row * ${K}u + i;
    store_dlogits(at, load_dloss(row) * (exp(load_logits(at) - largest) * scale - load_targets(at)));
  }
}
