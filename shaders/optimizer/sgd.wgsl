// g = gradient · gradient_scale + weight_decay · p; b ← momentum·b + g; p ← p − lr·b, or with NESTEROV p − lr·(g + momentum·b);
// gradient ← 0; with EMA e ← ema_decay e + (1−ema_decay) p. One item an invocation.
#param EMA 1 to update a moving average
#param NESTEROV 1 to look ahead
#import optimizer/items.wgsl

@group(0) @binding(0) var<storage, read_write> parameter: array<Item>;
@group(0) @binding(1) var<storage, read_write> buffer: array<Item>;
@group(0) @binding(2) var<storage, read_write> gradient: array<Item>;
@group(0) @binding(3) var<storage, read> scalars: Scalars;
#if EMA
@group(0) @binding(4) var<storage, read_write> ema: array<Item>;
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
  let scaled = gradient[i] * scalars.gradient_scale;
  gradient[i] = Item(0.0);
  let g = scaled + scalars.weight_decay * parameter[i];
  let b = scalars.momentum * buffer[i] + g;
#if NESTEROV
  let moved = parameter[i] - scalars.lr * (g + scalars.momentum * b);
#else
  let moved = parameter[i] - scalars.lr * b;
#endif
  buffer[i] = b;
  parameter[i] = moved;
#if EMA
  ema[i] = scalars.ema_decay * ema[i] + scalars.ema_rest * moved;
#endif
}
