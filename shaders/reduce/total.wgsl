// total = FACTOR · Σ parts, or total += it; one workgroup, fixed order.
#param PARTS: int // partial sums
#param WORKGROUP: int // invocations per workgroup, a power of two
#param FACTOR: f32 // multiplies the result

#bind read parts: array<f32> // (PARTS)
#bind read_write total: array<f32> // (1)

var<workgroup> sums: array<f32, ${WORKGROUP}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var i = local; i < ${PARTS}u; i += ${WORKGROUP}u) {
    sum += load_parts(i);
  }
  sums[local] = sum;
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      sums[local] += sums[local + half];
    }
  }
  if (local == 0u) {
    accumulate_total(0, sums[0] * ${FACTOR});
  }
}
