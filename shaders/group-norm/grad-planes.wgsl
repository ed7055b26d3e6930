// sums[plane] = (Σz, Σz·x̂) over one plane, x̂ = (x − mean)·rstd, z = dy, or with RELU dy where the output was positive. LANES invocations
// share a plane; their sums are added in a fixed tree.
#param RELU: bool // the output was clamped at zero
#param LANES: int // invocations a plane, a power of two
#import group-norm/items.wgsl
#import common/flat.wgsl

#bind read x: array<Item> // (N, C, AREA)
#bind read dy: array<Item> // (N, C, AREA)
#bind read mean: array<f32> // (N, GROUPS)
#bind read rstd: array<f32> // (N, GROUPS)
#if RELU
#bind read weight: array<f32> // (C)
#bind read bias: array<f32> // (C)
#endif
#bind read_write sums: array<vec2f> // (N, C)

const PLANES = ${N}u * C;
#if LANES > 1
var<workgroup> shares: array<vec2f, ${WORKGROUP}>;
#endif

fn total_of(item: Item) -> f32 {
#if WIDTH == 4
  return (item.x + item.y) + (item.z + item.w);
#else
  return item;
#endif
}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let lane = flat_index(group, groups, local);
  let plane = lane / ${LANES}u;
  // Lanes beyond the last plane read it again: barriers are for all.
  let source = min(plane, PLANES - 1u);
  let c = channel_of(source);
  let g = group_of(source);
  let m = load_mean(g);
  let scale = load_rstd(g);
  var sum = Item(0.0);
  var product = Item(0.0);
  for (var i = lane % ${LANES}u; i < PLANE; i += ${LANES}u) {
    let at = source * PLANE + i;
    let normalized = (load_x(at) - m) * scale;
#if RELU
    let open = fma(normalized, Item(load_weight(c)), Item(load_bias(c))) > Item(0.0);
    let z = select(Item(0.0), load_dy(at), open);
#else
    let z = load_dy(at);
#endif
    sum += z;
    product = fma(z, normalized, product);
  }
  let own = vec2f(total_of(sum), total_of(product));
#if LANES > 1
  shares[local] = own;
  for (var half = ${LANES / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % ${LANES}u < half) {
      shares[local] += shares[local + half];
    }
  }
  if (lane % ${LANES}u == 0u && plane < PLANES) {
    store_sums(plane, shares[local]);
  }
#else
  if (plane < PLANES) {
    store_sums(plane, own);
  }
#endif
}
