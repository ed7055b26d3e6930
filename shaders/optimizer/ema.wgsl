// ema ← ema_decay · ema + (1−ema_decay) · parameter, one item an invocation.
#import optimizer/items.wgsl

@group(0) @binding(0) var<storage, read_write> ema: array<Item>;
@group(0) @binding(1) var<storage, read> parameter: array<Item>;
@group(0) @binding(2) var<storage, read> scalars: Scalars;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${ITEMS}u) {
    ema[i] = scalars.ema_decay * ema[i] + scalars.ema_rest * parameter[i];
  }
}
