// total = FACTOR · Σ parts, or total += it; one workgroup, fixed order.
#param PARTS partial sums
#param WORKGROUP invocations a workgroup, a power of two
#param FACTOR f32 literal
#param ACCUMULATE 1 to add to what is there

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> total: array<f32>;

var<workgroup> sums: array<f32, ${WORKGROUP}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var i = local; i < ${PARTS}u; i += ${WORKGROUP}u) {
    sum += parts[i];
  }
  sums[local] = sum;
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      sums[local] += sums[local + half];
    }
  }
  if (local == 0u) {
#if ACCUMULATE
    total[0] += sums[0] * ${FACTOR};
#else
    total[0] = sums[0] * ${FACTOR};
#endif
  }
}
