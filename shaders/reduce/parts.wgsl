// parts[p] = Σ of one share of the terms of x: x itself, its square, or 1 for every infinity and NaN. Invocations stride
// through x together, keep four sums each, and add up in a tree of fixed order.
#param ITEMS elements or vectors of four
#param WIDTH elements an item, 1 or 4
#param PARTS workgroups
#param WORKGROUP invocations a workgroup, a power of two
#param SQUARE 1 to add squares
#param NON_FINITE 1 to count infinities and NaNs

#if WIDTH == 4
alias Item = vec4f;
alias Bits = vec4u;
#else
alias Item = f32;
alias Bits = u32;
#endif

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;

var<workgroup> sums: array<f32, ${WORKGROUP}>;

fn term(value: Item) -> Item {
#if SQUARE
  return value * value;
#elif NON_FINITE
  // An all-ones exponent; comparing values would let a compiler assume that there are no NaNs.
  let exponent = bitcast<Bits>(value) & Bits(0x7f800000u);
  return select(Item(0.0), Item(1.0), exponent == Bits(0x7f800000u));
#else
  return value;
#endif
}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let stride = ${PARTS * WORKGROUP}u;
  let first = group.x * ${WORKGROUP}u + local;
  var total = Item(0.0);
  for (var i = first; i < ${ITEMS}u; i += stride) {
    total += term(x[i]);
  }
#if WIDTH == 4
  sums[local] = (total.x + total.y) + (total.z + total.w);
#else
  sums[local] = total;
#endif
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      sums[local] += sums[local + half];
    }
  }
  if (local == 0u) {
    parts[group.x] = sums[0];
  }
}
