// y[i] = Σ x[b, i, j] over b and j; one workgroup an i.
#param BATCH: int // matrices
#param ROWS: int // rows of each
#param COLS: int // columns of each
#param WORKGROUP: int // invocations a workgroup, a power of two

#bind read x: array<f32> // (BATCH, ROWS, COLS)
#bind read_write y: array<f32> // (ROWS)

var<workgroup> sums: array<f32, ${WORKGROUP}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = min(group.x + group.y * groups.x, ${ROWS - 1}u);
  var sum = 0.0;
  for (var b = 0u; b < ${BATCH}u; b++) {
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
  if (local == 0u && group.x + group.y * groups.x < ${ROWS}u) {
    accumulate_y(i, sums[0]);
  }
}
