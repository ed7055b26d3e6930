// y[p, i] = Σ x[b, i, j] over the p-th run of RUN matrices b, and over j; one workgroup per i and p.
#param BATCH: int // matrices
#param ROWS: int // rows of each
#param COLS: int // columns of each
#param RUN: int // matrices of one part
#param PARTS: int // parts
#param WORKGROUP: int // invocations per workgroup, a power of two

#bind read x: array<f32> // (BATCH, ROWS, COLS)
#bind read_write y: array<f32> // (PARTS, ROWS)

var<workgroup> sums: array<f32, ${WORKGROUP}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.x + group.y * groups.x;
  let i = index % ${ROWS}u;
  let part = min(index / ${ROWS}u, ${PARTS - 1}u);
  var sum = 0.0;
  for (var b = part * ${RUN}u; b < min((part + 1u) * ${RUN}u, ${BATCH}u); b++) {
    for (var j = local; j < ${COLS}u; j += ${WORKGROUP}u) {
      sum += load_x((b * ${ROWS}u + i) * ${COLS}u + j);
    }
  }
  sums[local] = sum;
  workgroupBarrier();
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    if (local < half) {
      sums[local] += sums[local + half];
    }
    workgroupBarrier();
  }
  if (local == 0u && index < ${ROWS * PARTS}u) {
    accumulate_y(part * ${ROWS}u + i, sums[0]);
  }
}
