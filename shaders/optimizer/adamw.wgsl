// p ← p·decay; m ← β1 m + (1−β1) g; v ← β2 v + (1−β2) g²; p ← p − step_size · m / (√v · root_correction + eps) with
// g = gradient · gradient_scale; gradient ← 0; with `ema` e ← ema_decay e + (1−ema_decay) p. One item per invocation.
#import optimizer/items.wgsl

#bind read_write parameter: array<Item> // (ITEMS)
#bind read_write m: array<Item> // (ITEMS)
#bind read_write v: array<Item> // (ITEMS)
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
  // All reads come before all writes: compilers cannot know that the buffers differ, and would wait for each read in turn.
  let gradient_before = load_gradient(i);
  let m_before = load_m(i);
  let v_before = load_v(i);
  let parameter_before = load_parameter(i);
#if bound(ema)
  let ema_before = load_ema(i);
#endif
  let g = gradient_before * scalars.gradient_scale;
  let first = scalars.beta1 * m_before + scalars.rest1 * g;
  let second = scalars.beta2 * v_before + scalars.rest2 * g * g;
  let decayed = parameter_before * scalars.decay;
  let moved = decayed - scalars.step_size * first / (sqrt(second) * scalars.root_correction + scalars.eps);
  store_gradient(i, Item(0.0));
  store_m(i, first);
  store_v(i, second);
  store_parameter(i, moved);
#if bound(ema)
  store_ema(i, scalars.ema_decay * ema_before + scalars.ema_rest * moved);
#endif
}
