// dweight and dbias from partial sums (BATCHES, CHANNELS, LIVE_H·LIVE_W + 1): adds up the batches in order, one output element per
// invocation. Taps outside the live LIVE_H × LIVE_W centre get zero.
#param CHANNELS: int // channels
#param BATCHES: int // partial sums per element
#param KERNEL_H: int // rows of the whole kernel
#param KERNEL_W: int // columns of the whole kernel
#param LIVE_H: int // rows of taps that meet data
#param LIVE_W: int // columns of taps that meet data
#import common/flat.wgsl

#bind read parts: array<f32> // (BATCHES, CHANNELS, LIVE_H·LIVE_W + 1)
#bind read_write dweight: array<f32> // (CHANNELS, KERNEL_H, KERNEL_W)
#bind read_write dbias?: array<f32> // (CHANNELS)

fn total(c: i32, at: i32) -> f32 {
  var sum = 0.0;
  for (var batch = 0; batch < ${BATCHES}; batch++) {
    sum += load_parts(u32((batch * ${CHANNELS} + c) * ${LIVE_H * LIVE_W + 1} + at));
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
    if (live) {
      accumulate_dweight(u32(i), total(c, ky * ${LIVE_W} + kx));
    }
#if !accumulates(dweight)
    else {
      store_dweight(u32(i), 0.0);
    }
#endif
  }
#if bound(dbias)
  if (i < ${CHANNELS}) {
    accumulate_dbias(u32(i), total(i, ${LIVE_H * LIVE_W}));
  }
#endif
}
