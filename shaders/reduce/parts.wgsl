// parts[p] = Σ of one share of the terms of x: x itself, its square, or 1 for every infinity and NaN. Invocations stride
// through x together, keep four sums each, and add up in a tree of fixed order.
#param ITEMS: int // elements or vectors of four
#param WIDTH: int // elements per item, 1 or 4
#param PARTS: int // workgroups
#param WORKGROUP: int // invocations per workgroup, a power of two
#param TERM: value | square | non_finite // what is added up

#type Item = WIDTH == 4 ? vec4f : f32
#type Bits = WIDTH == 4 ? vec4u : u32

#bind read x: array<Item> // (ITEMS)
#bind read_write parts: array<f32> // (PARTS)

var<workgroup> sums: array<f32, ${WORKGROUP}>;

fn term(value: Item) -> Item {
#if TERM == square
  return value * value;
#elif TERM == non_finite
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
    total += term(load_x(i));
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
    store_parts(group.x, sums[0]);
  }
}
