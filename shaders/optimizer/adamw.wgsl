// p ← p·decay; m ← β1 m + (1−β1) g; v ← β2 v + (1−β2) g²; p ← p − step_size · m / (√v · root_correction + eps) with
// g = gradient · gradient_scale; gradient ← 0; with EMA e ← ema_decay e + (1−ema_decay) p. One item an invocation.
#param EMA 1 to update a moving average
#import optimizer/items.wgsl

@group(0) @binding(0) var<storage, read_write> parameter: array<Item>;
@group(0) @binding(1) var<storage, read_write> m: array<Item>;
@group(0) @binding(2) var<storage, read_write> v: array<Item>;
@group(0) @binding(3) var<storage, read_write> gradient: array<Item>;
@group(0) @binding(4) var<storage, read> scalars: Scalars;
#if EMA
@group(0) @binding(5) var<storage, read_write> ema: array<Item>;
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if ((i >= ${ITEMS}u) | (scalars.apply == 0.0)) {
    return;
  }
  if (scalars.apply < 0.0) {
    gradient[i] = Item(0.0);
    return;
  }
  let g = gradient[i] * scalars.gradient_scale;
  gradient[i] = Item(0.0);
  let first = scalars.beta1 * m[i] + scalars.rest1 * g;
  let second = scalars.beta2 * v[i] + scalars.rest2 * g * g;
  let decayed = parameter[i] * scalars.decay;
  let moved = decayed - scalars.step_size * first / (sqrt(second) * scalars.root_correction + scalars.eps);
  m[i] = first;
  v[i] = second;
  parameter[i] = moved;
#if EMA
  ema[i] = scalars.ema_decay * ema[i] + scalars.ema_rest * moved;
#endif
}
