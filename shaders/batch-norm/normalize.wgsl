// y = (x − mean[c])·rstd[c]·weight[c] + bias[c], then max(·, 0) with RELU; one item per invocation.
#param TOTAL: int // items
#param RELU: bool // clamp at zero
#import batch-norm/items.wgsl
#import common/flat.wgsl

#bind read x: array<Item> // (n, C, AREA)
#bind read weight: array<f32> // (C)
#bind read bias: array<f32> // (C)
#bind read mean: array<f32> // (C)
#bind read rstd: array<f32> // (C)
#bind read_write y: array<Item> // (n, C, AREA)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${TOTAL}u) {
    let c = (i / PLANE) % CHANNELS;
    let normalized = fma((load_x(i) - load_mean(c)) * load_rstd(c), Item(load_weight(c)), Item(load_bias(c)));
#if RELU
    store_y(i, select(normalized, Item(0.0), normalized < Item(0.0)));
#else
    store_y(i, normalized);
#endif
  }
}
