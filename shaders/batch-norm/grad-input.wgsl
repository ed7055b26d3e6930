// dx = weight[c]·rstd[c]·(z − mean(z) − x̂·mean(z·x̂)) in training, weight[c]·rstd[c]·z in inference; z = dy, or with RELU dy
// where the output was positive. One item an invocation.
#param TOTAL items
#param RELU 1 if the output was clamped at zero
#param TRAINING 1 if the statistics depend on x
#import batch-norm/items.wgsl
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> dy: array<Item>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<Item>;
#if TRAINING || RELU
@group(0) @binding(4) var<storage, read> x: array<Item>;
@group(0) @binding(5) var<storage, read> mean: array<f32>;
#endif
#if RELU
@group(0) @binding(6) var<storage, read> bias: array<f32>;
#endif
#if TRAINING
@group(0) @binding(${6 + RELU}) var<storage, read> means: array<vec2f>;
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i >= ${TOTAL}u) {
    return;
  }
  let c = (i / PLANE) % CHANNELS;
  var z = dy[i];
#if TRAINING || RELU
  let normalized = (x[i] - mean[c]) * rstd[c];
#endif
#if RELU
  z = select(Item(0.0), z, fma(normalized, Item(weight[c]), Item(bias[c])) > Item(0.0));
#endif
#if TRAINING
  z -= fma(normalized, Item(means[c].y), Item(means[c].x));
#endif
  dx[i] = weight[c] * rstd[c] * z;
}
