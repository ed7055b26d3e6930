// dweight and dbias from partial sums (BATCHES, CHANNELS, LIVE_H·LIVE_W + 1): adds the batches in order, one output element an
// invocation. Taps outside the live LIVE_H × LIVE_W centre get zero.
#param CHANNELS channels
#param BATCHES partial sums an element
#param KERNEL_H rows of the whole kernel
#param KERNEL_W columns of the whole kernel
#param LIVE_H rows of taps that meet data
#param LIVE_W columns of taps that meet data
#param BIAS 1 to write the bias gradient
#param ACCUMULATE_WEIGHT 1 to add to dweight
#param ACCUMULATE_BIAS 1 to add to dbias
#import common/flat.wgsl

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> dweight: array<f32>;
#if BIAS
@group(0) @binding(2) var<storage, read_write> dbias: array<f32>;
#endif

fn total(c: i32, at: i32) -> f32 {
  var sum = 0.0;
  for (var batch = 0; batch < ${BATCHES}; batch++) {
    sum += parts[(batch * ${CHANNELS} + c) * ${LIVE_H * LIVE_W + 1} + at];
  }
  return sum;
}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(flat_index(group, groups, local));
  if (i < ${CHANNELS * KERNEL_H * KERNEL_W}) {
    let c = i / ${KERNEL_H * KERNEL_W};
    let ky = i / ${KERNEL_W} % ${KERNEL_H} - ${(KERNEL_H - LIVE_H) / 2};
    let kx = i % ${KERNEL_W} - ${(KERNEL_W - LIVE_W) / 2};
    let live = ky >= 0 && ky < ${LIVE_H} && kx >= 0 && kx < ${LIVE_W};
#if ACCUMULATE_WEIGHT
    if (live) {
      dweight[i] = dweight[i] + total(c, ky * ${LIVE_W} + kx);
    }
#else
    if (live) {
      dweight[i] = total(c, ky * ${LIVE_W} + kx);
    } else {
      dweight[i] = 0.0;
    }
#endif
  }
#if BIAS
  if (i < ${CHANNELS}) {
#if ACCUMULATE_BIAS
    dbias[i] = dbias[i] + total(i, ${LIVE_H * LIVE_W});
#else
    dbias[i] = total(i, ${LIVE_H * LIVE_W});
#endif
  }
#endif
}
