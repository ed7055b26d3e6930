// loss = (1 − α) CE + α KD, one row per workgroup.
#import distillation/row.wgsl

#bind read logits: array<f32> // (ROWS, K)
#bind read targets: array<f32> // (ROWS, K)
#bind read teacher: array<f32> // (ROWS, K)
#bind read_write loss: array<f32> // (ROWS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= ${ROWS}u) {
    return;
  }
  let r = row_of(row, local);
  if (local == 0u) {
    let cross_entropy = r.sums.y * log(r.sums.x) - r.sums.z;
#if KIND == soft
    // Σ p ((u − n)/τ − log Σ e^{(u − n)/τ} − (z − m)/τ + log Σ e^{(z − m)/τ})
    let taught = (r.soft.y / r.soft.x - log(r.soft.x) + log(r.sums.w)) * (${TEMPERATURE} * ${TEMPERATURE} / ${K}.0);
#else
    let taught = log(r.sums.x) - (load_logits(row * ${K}u + r.class_taught) - r.largest);
#endif
    store_loss(row, (1.0 - ${ALPHA}) * cross_entropy + ${ALPHA} * taught);
  }
}
