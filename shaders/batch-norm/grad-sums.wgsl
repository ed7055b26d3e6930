// parts[c, p] = (Σz, Σz·x̂) over one part of a channel, x̂ = (x − mean)·rstd, z = dy, or with RELU dy where the output was
// positive. Fixed order.
#param RELU 1 if the output was clamped at zero
#import batch-norm/channel.wgsl

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
#if RELU
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec2f>;
#else
@group(0) @binding(4) var<storage, read_write> parts: array<vec2f>;
#endif

var<workgroup> sums: array<vec2f, ${WORKGROUP}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.x + group.y * groups.x;
  if (index >= ${C * PARTS}u) {
    return;
  }
  let part = part_of(index);
  let m = mean[part.c];
  let scale = rstd[part.c];
  var sum = Item(0.0);
  var product = Item(0.0);
  for (var i = part.first + local; i < part.end; i += ${WORKGROUP}u) {
    let at = item_offset(i, part.c);
    let normalized = (x[at] - m) * scale;
#if RELU
    let open = fma(normalized, Item(weight[part.c]), Item(bias[part.c])) > Item(0.0);
    let z = select(Item(0.0), dy[at], open);
#else
    let z = dy[at];
#endif
    sum += z;
    product = fma(z, normalized, product);
  }
  sums[local] = vec2f(total_of(sum), total_of(product));
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      sums[local] += sums[local + half];
    }
  }
  if (local == 0u) {
    parts[index] = sums[0];
  }
}
