// g = gradient · gradient_scale + weight_decay · p; b ← momentum·b + g; p ← p − lr·b, or with NESTEROV p − lr·(g + momentum·b);
// gradient ← 0; with `ema` e ← ema_decay e + (1−ema_decay) p. One item per invocation.
#param NESTEROV: bool // look ahead
#import optimizer/items.wgsl

#bind read_write parameter: array<Item> // (ITEMS)
#bind read_write buffer: array<Item> // (ITEMS)
#bind read_write gradient: array<Item> // (ITEMS)
#bind read scalars: Scalars
#bind read_write ema?: array<Item> // (ITEMS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if ((i >= ${ITEMS}u) | (scalars.apply == 0.0)) {
    return;
  }
  if (scalars.apply < 0.0) {
    store_gradient(i, Item(0.0));
    return;
  }
  let scaled = load_gradient(i) * scalars.gradient_scale;
  store_gradient(i, Item(0.0));
  let g = scaled + scalars.weight_decay * load_parameter(i);
  let b = scalars.momentum * load_buffer(i) + g;
#if NESTEROV
  let moved = load_parameter(i) - scalars.lr * (g + scalars.momentum * b);
#else
  let moved = load_parameter(i) - scalars.lr * b;
#endif
  store_buffer(i, b);
  store_parameter(i, moved);
#if bound(ema)
  store_ema(i, scalars.ema_decay * load_ema(i) + scalars.ema_rest * moved);
#endif
}
