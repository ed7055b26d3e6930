// parts[p, j] = Σ x[i, j] over the p-th run of RUN rows; one column per invocation, so that loads coalesce.
#param ROWS: int // rows of x
#param COLS: int // columns of x
#param RUN: int // rows of one part
#param PARTS: int // parts
#param WORKGROUP: int // invocations per workgroup

#bind read x: array<f32> // (ROWS, COLS)
#bind read_write parts: array<f32> // (PARTS, COLS)

const COLUMN_GROUPS = ${ceildiv(COLS, WORKGROUP)}u;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.x + group.y * groups.x;
  let j = index % COLUMN_GROUPS * ${WORKGROUP}u + local;
  let p = index / COLUMN_GROUPS;
  if (j >= ${COLS}u || p >= ${PARTS}u) {
    return;
  }
  let end = min((p + 1u) * ${RUN}u, ${ROWS}u);
  var i = p * ${RUN}u;
  // Four independent sums, because each addition in one chain would wait for the last.
#for s in 0..4
  var sum${s} = 0.0;
#endfor
  for (; i + 4u <= end; i += 4u) {
#for s in 0..4
    sum${s} += load_x((i + ${s}u) * ${COLS}u + j);
#endfor
  }
  for (; i < end; i++) {
    sum0 += load_x(i * ${COLS}u + j);
  }
  let sum = (sum0 + sum1) + (sum2 + sum3);
  accumulate_parts(p * ${COLS}u + j, sum);
}
