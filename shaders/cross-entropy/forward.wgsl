// loss = Σt · log Σ e^{z − m} − Σ t (z − m), one row per workgroup.
#import cross-entropy/row.wgsl

#bind read logits: array<f32> // (ROWS, K)
#bind read targets: array<f32> // (ROWS, K)
#bind read_write loss: array<f32> // (ROWS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= ${ROWS}u) {
    return;
  }
  let sums = row_sums(row, row_maximum(row, local), local);
  if (local == 0u) {
    store_loss(row, sums.y * log(sums.x) - sums.z);
  }
}
