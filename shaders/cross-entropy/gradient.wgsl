// dlogits = dloss (e^{z − m} Σt / Σ e^{z − m} − t), one row a workgroup.
#import cross-entropy/row.wgsl

@group(0) @binding(0) var<storage, read> logits: array<f32>; // (ROWS, K)
@group(0) @binding(1) var<storage, read> targets: array<f32>; // (ROWS, K)
@group(0) @binding(2) var<storage, read> dloss: array<f32>; // (ROWS)
@group(0) @binding(3) var<storage, read_write> dlogits: array<f32>; // (ROWS, K)

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
    dlogits[at] = dloss[row] * (exp(logits[at] - largest) * scale - targets[at]);
  }
}
