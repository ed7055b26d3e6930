// One row of logits per workgroup: its maximum m, Σ e^{z − m}, Σ t and Σ t (z − m).
#param ROWS: int // rows
#param K: int // classes
#param WORKGROUP: int // invocations per workgroup, a power of two

var<workgroup> cells: array<vec3f, ${WORKGROUP}>;

// Sum over the workgroup in a tree of fixed order; every invocation must call it.
fn workgroup_sum(value: vec3f, local: u32) -> vec3f {
  workgroupBarrier();
  cells[local] = value;
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      cells[local] += cells[local + half];
    }
  }
  workgroupBarrier();
  return cells[0];
}

fn row_maximum(row: u32, local: u32) -> f32 {
  var largest = -3.4028234663852886e38;
  for (var i = local; i < ${K}u; i += ${WORKGROUP}u) {
    largest = max(largest, load_logits(row * ${K}u + i));
  }
  cells[local] = vec3f(largest);
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      cells[local] = max(cells[local], cells[local + half]);
    }
  }
  workgroupBarrier();
  return cells[0].x;
}

// (Σ e^{z − m}, Σ t, Σ t (z − m))
fn row_sums(row: u32, largest: f32, local: u32) -> vec3f {
  var sums = vec3f(0.0);
  for (var i = local; i < ${K}u; i += ${WORKGROUP}u) {
    let z = load_logits(row * ${K}u + i) - largest;
    let t = load_targets(row * ${K}u + i);
    sums += vec3f(exp(z), t, t * z);
  }
  return workgroup_sum(sums, local);
}
