// dlogits = dloss ((1 − α) (softmax(z) Σt − t) + α dKD), one row per workgroup.
#import distillation/row.wgsl

#bind read logits: array<f32> // (ROWS, K)
#bind read targets: array<f32> // (ROWS, K)
#bind read teacher: array<f32> // (ROWS, K)
#bind read dloss: array<f32> // (ROWS)
#bind read_write dlogits: array<f32> // (ROWS, K)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= ${ROWS}u) {
    return;
  }
  let r = row_of(row, local);
  for (var i = local; i < ${K}u; i += ${WORKGROUP}u) {
    let at = row * ${K}u + i;
    let z = load_logits(at) - r.largest;
    let cross_entropy = exp(z) * (r.sums.y / r.sums.x) - load_targets(at);
#if KIND == soft
    let own = exp(z / ${TEMPERATURE}) / r.sums.w;
    let taught = (own - exp((load_teacher(at) - r.taught) / ${TEMPERATURE}) / r.soft.x) * (${TEMPERATURE} / ${K}.0);
#else
    let taught = exp(z) / r.sums.x - select(0.0, 1.0, i == r.class_taught);
#endif
    store_dlogits(at, load_dloss(row) * ((1.0 - ${ALPHA}) * cross_entropy + ${ALPHA} * taught));
  }
}
