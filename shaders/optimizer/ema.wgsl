// ema ← ema_decay · ema + (1−ema_decay) · parameter, one item per invocation.
#import optimizer/items.wgsl

#bind read_write ema: array<Item> // (ITEMS)
#bind read parameter: array<Item> // (ITEMS)
#bind read scalars: Scalars

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${ITEMS}u) {
    store_ema(i, scalars.ema_decay * load_ema(i) + scalars.ema_rest * load_parameter(i));
  }
}
