// dx = weight[c]·rstd[c]·(z − mean(z) − x̂·mean(z·x̂)) in training (`means`), weight[c]·rstd[c]·z in inference; z = dy, or with RELU dy
// where the output was positive. One item per invocation.
#param TOTAL: int // items
#param RELU: bool // the output was clamped at zero
#import batch-norm/items.wgsl
#import common/flat.wgsl

#bind read dy: array<Item> // (n, C, AREA)
#bind read weight: array<f32> // (C)
#bind read rstd: array<f32> // (C)
#bind read_write dx: array<Item> // (n, C, AREA)
#bind read means?: array<vec2f> // (C): Σz and Σz·x̂ over their count
#if bound(means) || RELU
#bind read x: array<Item> // (n, C, AREA)
#bind read mean: array<f32> // (C)
#endif
#if RELU
#bind read bias: array<f32> // (C)
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i >= ${TOTAL}u) {
    return;
  }
  let c = (i / PLANE) % CHANNELS;
  var z = load_dy(i);
#if bound(means) || RELU
  let normalized = (load_x(i) - load_mean(c)) * load_rstd(c);
#endif
#if RELU
  z = select(Item(0.0), z, fma(normalized, Item(load_weight(c)), Item(load_bias(c))) > Item(0.0));
#endif
#if bound(means)
  z -= fma(normalized, Item(load_means(c).y), Item(load_means(c).x));
#endif
  store_dx(i, load_weight(c) * load_rstd(c) * z);
}
