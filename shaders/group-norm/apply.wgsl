// y = (x − mean)·rstd·weight[c] + bias[c], then max(·, 0) with RELU; mean and rstd of the group. One item per invocation.
#param RELU: bool // clamp at zero
#import group-norm/items.wgsl
#import common/flat.wgsl

#bind read x: array<Item> // (N, C, AREA)
#bind read weight: array<f32> // (C)
#bind read bias: array<f32> // (C)
#bind read mean: array<f32> // (N, GROUPS)
#bind read rstd: array<f32> // (N, GROUPS)
#bind read_write y: array<Item> // (N, C, AREA)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < TOTAL) {
    let c = channel_of(i / PLANE);
    let g = group_of(i / PLANE);
    let result = fma((load_x(i) - load_mean(g)) * load_rstd(g), Item(load_weight(c)), Item(load_bias(c)));
#if RELU
    store_y(i, select(result, Item(0.0), result < Item(0.0)));
#else
    store_y(i, result);
#endif
  }
}
