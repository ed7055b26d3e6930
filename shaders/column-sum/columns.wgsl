// parts[p, j] = Σ x[i, j] over the p-th run of RUN rows; one column an invocation, so that loads coalesce.
#param ROWS rows of x
#param COLS columns of x
#param RUN rows of one part
#param PARTS parts
#param ACCUMULATE 1 to add to what is there (only where there is one part)
#param WORKGROUP invocations a workgroup

@group(0) @binding(0) var<storage, read> x: array<f32>; // (ROWS, COLS)
@group(0) @binding(1) var<storage, read_write> parts: array<f32>; // (PARTS, COLS)

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
  // Four sums side by side: a chain of additions waits for each before the next.
#for s in 0..4
  var sum${s} = 0.0;
#endfor
  for (; i + 4u <= end; i += 4u) {
#for s in 0..4
    sum${s} += x[(i + ${s}u) * ${COLS}u + j];
#endfor
  }
  for (; i < end; i++) {
    sum0 += x[i * ${COLS}u + j];
  }
  let sum = (sum0 + sum1) + (sum2 + sum3);
#if ACCUMULATE
  parts[p * ${COLS}u + j] = parts[p * ${COLS}u + j] + sum;
#else
  parts[p * ${COLS}u + j] = sum;
#endif
}
