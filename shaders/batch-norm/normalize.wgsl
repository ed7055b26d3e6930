// y = (x − mean[c])·rstd[c]·weight[c] + bias[c], then max(·, 0) with RELU; one item an invocation.
#param TOTAL items
#param RELU 1 to clamp at zero
#import batch-norm/items.wgsl
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<Item>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${TOTAL}u) {
    let c = (i / PLANE) % CHANNELS;
    let normalized = fma((x[i] - mean[c]) * rstd[c], Item(weight[c]), Item(bias[c]));
#if RELU
    y[i] = select(normalized, Item(0.0), normalized < Item(0.0));
#else
    y[i] = normalized;
#endif
  }
}
