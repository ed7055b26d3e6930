// dbranch = mask[n] gamma[c] dy and parts[n, c] = Σ_plane mask[n] branch dy; one workgroup a plane.
#param PLANES n·c
#param COLS channels
#param PLANE positions of one map
#param GAMMA 1: a factor a channel, and its gradient
#param MASK 1: a factor an image
#param WORKGROUP invocations a workgroup, a power of two

@group(0) @binding(0) var<storage, read> dy: array<f32>; // (n, c, plane)
@group(0) @binding(1) var<storage, read_write> dbranch: array<f32>;
#if MASK
@group(0) @binding(2) var<storage, read> mask: array<f32>; // (n)
#endif
#if GAMMA
@group(0) @binding(${MASK + 2}) var<storage, read> gamma: array<f32>; // (c)
@group(0) @binding(${MASK + 3}) var<storage, read> branch: array<f32>;
@group(0) @binding(${MASK + 4}) var<storage, read_write> parts: array<f32>; // (n, c)

var<workgroup> dots: array<f32, ${WORKGROUP}>;
#endif

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let plane = group.x + group.y * groups.x;
  let end = select(0u, (plane + 1u) * ${PLANE}u, plane < ${PLANES}u);
#if MASK
  let kept = mask[min(plane, ${PLANES - 1}u) / ${COLS}u];
#else
  let kept = 1.0;
#endif
#if GAMMA
  let factor = kept * gamma[plane % ${COLS}u];
  var dot = 0.0;
#else
  let factor = kept;
#endif
  for (var i = plane * ${PLANE}u + local; i < end; i += ${WORKGROUP}u) {
    dbranch[i] = factor * dy[i];
#if GAMMA
    dot = fma(branch[i], dy[i], dot);
#endif
  }
#if GAMMA
  dots[local] = dot;
  workgroupBarrier();
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    if (local < half) {
      dots[local] += dots[local + half];
    }
    workgroupBarrier();
  }
  if (local == 0u && plane < ${PLANES}u) {
    parts[plane] = kept * dots[0];
  }
#endif
}
