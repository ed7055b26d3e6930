// parts[c, p] = (mean, Σ(x − mean)²) of one part of a channel. Each invocation sums x − s and its square, s its own first
// element, so that a mean far from zero cancels nothing; counts, means and squares then merge pairwise in a fixed tree.
#import batch-norm/channel.wgsl

#bind read x: array<Item> // (n, C, AREA)
#bind read_write parts: array<vec2f> // (C, PARTS)

// count, mean, sum of squared deviations
var<workgroup> moments: array<vec3f, ${WORKGROUP}>;

fn merge(a: vec3f, b: vec3f) -> vec3f {
  let count = a.x + b.x;
  if (b.x == 0.0) {
    return a;
  }
  let share = b.x / count;
  let delta = b.y - a.y;
  return vec3f(count, a.y + delta * share, a.z + b.z + delta * delta * a.x * share);
}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.x + group.y * groups.x;
  if (index >= ${C * PARTS}u) {
    return;
  }
  let part = part_of(index);
  var own = vec3f(0.0);
  let first = part.first + local;
  if (first < part.end) {
#if WIDTH == 4
    let shift = load_x(item_offset(first, part.c)).x;
#else
    let shift = load_x(item_offset(first, part.c));
#endif
    var sum = Item(0.0);
    var squares = Item(0.0);
    for (var i = first; i < part.end; i += ${WORKGROUP}u) {
      let d = load_x(item_offset(i, part.c)) - shift;
      sum += d;
      squares = fma(d, d, squares);
    }
    let count = f32((part.end - first + ${WORKGROUP - 1}u) / ${WORKGROUP}u * ${WIDTH}u);
    let offset = total_of(sum) / count;
    own = vec3f(count, shift + offset, max(0.0, total_of(squares) - total_of(sum) * offset));
  }
  moments[local] = own;
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      moments[local] = merge(moments[local], moments[local + half]);
    }
  }
  if (local == 0u) {
    store_parts(index, moments[0].yz);
  }
}
