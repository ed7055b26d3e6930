// dbranch = mask[n] gamma[c] dy and parts[n, c] = Σ_plane mask[n] branch dy; one workgroup per plane.
#param PLANES: int // n·c
#param COLS: int // channels
#param PLANE: int // positions of one map
#param WORKGROUP: int // invocations per workgroup, a power of two

#bind read dy: array<f32> // (n, c, plane)
#bind read_write dbranch: array<f32> // (n, c, plane)
#bind read mask?: array<f32> // (n)
#bind read gamma?: array<f32> // (c)
#if bound(gamma)
#bind read branch: array<f32> // (n, c, plane)
#bind read_write parts: array<f32> // (n, c)

var<workgroup> dots: array<f32, ${WORKGROUP}>;
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let plane = group.x + group.y * groups.x;
  let end = select(0u, (plane + 1u) * ${PLANE}u, plane < ${PLANES}u);
#if bound(mask)
  let kept = load_mask(min(plane, ${PLANES - 1}u) / ${COLS}u);
#else
  let kept = 1.0;
#endif
#if bound(gamma)
  let factor = kept * load_gamma(plane % ${COLS}u);
  var dot = 0.0;
#else
  let factor = kept;
#endif
  for (var i = plane * ${PLANE}u + local; i < end; i += ${WORKGROUP}u) {
    store_dbranch(i, factor * load_dy(i));
#if bound(gamma)
    dot = fma(load_branch(i), load_dy(i), dot);
#endif
  }
#if bound(gamma)
  dots[local] = dot;
  workgroupBarrier();
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    if (local < half) {
      dots[local] += dots[local + half];
    }
    workgroupBarrier();
  }
  if (local == 0u && plane < ${PLANES}u) {
    store_parts(plane, kept * dots[0]);
  }
#endif
}
