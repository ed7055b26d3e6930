// dx = rstd·(weight[c]·z − mean(weight·z) − x̂·mean(weight·z·x̂)), means of the group; z = dy, or with RELU dy where the output was
// positive. One item per invocation.
#param RELU: bool // the output was clamped at zero
#import group-norm/items.wgsl
#import common/flat.wgsl

#bind read x: array<Item> // (N, C, AREA)
#bind read dy: array<Item> // (N, C, AREA)
#bind read weight: array<f32> // (C)
#if RELU
#bind read bias: array<f32> // (C)
#endif
#bind read mean: array<f32> // (N, GROUPS)
#bind read rstd: array<f32> // (N, GROUPS)
#bind read means: array<vec2f> // (N, GROUPS)
#bind read_write dx: array<Item> // (N, C, AREA)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i >= TOTAL) {
    return;
  }
  let c = channel_of(i / PLANE);
  let g = group_of(i / PLANE);
  let normalized = (load_x(i) - load_mean(g)) * load_rstd(g);
  var z = load_dy(i);
#if RELU
  z = select(Item(0.0), z, fma(normalized, Item(load_weight(c)), Item(load_bias(c))) > Item(0.0));
#endif
  let m = load_means(g);
  store_dx(i, load_rstd(g) * (load_weight(c) * z - fma(normalized, Item(m.y), Item(m.x))));
}
