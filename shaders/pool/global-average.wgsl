// y = mean of a plane. LANES neighbouring invocations share a plane and add up in a tree of fixed order.
#param PLANES: int // planes
#param AREA: int // elements of a plane
#param LANES: int // invocations a plane, a power of two
#param WORKGROUP: int // invocations per workgroup

#bind read x: array<f32> // (PLANES, AREA)
#bind read_write y: array<f32> // (PLANES)

#if LANES > 1
var<workgroup> sums: array<f32, ${WORKGROUP}>;
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let plane = (group.x + group.y * groups.x) * ${WORKGROUP / LANES}u + local / ${LANES}u;
  let lane = local % ${LANES}u;
  var sum = 0.0;
  if (plane < ${PLANES}u) {
    for (var i = lane; i < ${AREA}u; i += ${LANES}u) {
      sum += load_x(plane * ${AREA}u + i);
    }
  }
#if LANES > 1
  sums[local] = sum;
  for (var half = ${LANES / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      sums[local] += sums[local + half];
    }
  }
  sum = sums[local];
#endif
  if (lane == 0u && plane < ${PLANES}u) {
    store_y(plane, sum / ${AREA}.0);
  }
}
