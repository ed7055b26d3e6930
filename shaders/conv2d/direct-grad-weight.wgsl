// dweight[o, c, i, j] = Σ_{n, p, q} dy[n, o, p, q] x[n, g + c, p·SH + i − PH, q·SW + j − PW], one weight per workgroup: the
// invocations share the outputs, then add up in a tree of fixed order. The workgroup of a channel's first weight also sums
// dy into dbias.
#param WORKGROUP: int // invocations per workgroup, a power of two
#import conv2d/shape.wgsl

#bind read x: array<f32> // (BATCH, CI, H, W)
#bind read dy: array<f32> // (BATCH, CO, HO, WO)
#bind read_write dweight: array<f32> // (CO, CG, KH, KW)
#bind read_write dbias?: array<f32> // (CO)

var<workgroup> sums: array<vec2f, ${WORKGROUP}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tap = group.x + group.y * groups.x;
  if (tap >= CO * CG * KH * KW) {
    return;
  }
  let j = tap % KW;
  let i = (tap / KW) % KH;
  let c = (tap / (KW * KH)) % CG;
  let o = tap / (KW * KH * CG);
  var product = 0.0;
  var sum = 0.0;
  for (var at = local; at < BATCH * HO * WO; at += ${WORKGROUP}u) {
    let q = at % WO;
    let p = (at / WO) % HO;
    let n = at / (WO * HO);
    let value = load_dy(((n * CO + o) * HO + p) * WO + q);
    let row = p * SH + i - PH;
    let col = q * SW + j - PW;
    if (row < H && col < W) {
      product = fma(value, load_x(((n * CI + (o / OG) * CG + c) * H + row) * W + col), product);
    }
    sum += value;
  }
  sums[local] = vec2f(product, sum);
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      sums[local] += sums[local + half];
    }
  }
  if (local == 0u) {
    accumulate_dweight(tap, sums[0].x);
#if bound(dbias)
    if (tap % (CG * KH * KW) == 0u) {
      accumulate_dbias(o, sums[0].y);
    }
#endif
  }
}
