// parts[c, p] = (Σz, Σz·x̂) over one part of a channel, x̂ = (x − mean)·rstd, z = dy, or with RELU dy where the output was
// positive. Fixed order.
#param RELU: bool // the output was clamped at zero
#import batch-norm/channel.wgsl

#bind read x: array<Item> // (n, C, AREA)
#bind read dy: array<Item> // (n, C, AREA)
#bind read mean: array<f32> // (C)
#bind read rstd: array<f32> // (C)
#if RELU
#bind read weight: array<f32> // (C)
#bind read bias: array<f32> // (C)
#endif
#bind read_write parts: array<vec2f> // (C, PARTS)

var<workgroup> sums: array<vec2f, ${WORKGROUP}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.x + group.y * groups.x;
  if (index >= ${C * PARTS}u) {
    return;
  }
  let part = part_of(index);
  let m = load_mean(part.c);
  let scale = load_rstd(part.c);
  var sum = Item(0.0);
  var product = Item(0.0);
  for (var i = part.first + local; i < part.end; i += ${WORKGROUP}u) {
    let at = item_offset(i, part.c);
    let normalized = (load_x(at) - m) * scale;
#if RELU
    let open = fma(normalized, Item(load_weight(part.c)), Item(load_bias(part.c))) > Item(0.0);
    let z = select(Item(0.0), load_dy(at), open);
#else
    let z = load_dy(at);
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
    store_parts(index, sums[0]);
  }
}
