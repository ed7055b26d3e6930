// Sums over a workgroup that owns one row, in a fixed tree; all invocations get the sum.
#param ROWS: int // output channels
#param COLS: int // elements of a row
#param WORKGROUP: int // invocations a workgroup, a power of two

var<workgroup> sums: array<vec2f, ${WORKGROUP}>;

fn workgroup_total(local: u32, own: vec2f) -> vec2f {
  sums[local] = own;
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      sums[local] += sums[local + half];
    }
  }
  workgroupBarrier();
  let total = sums[0];
  workgroupBarrier();
  return total;
}
