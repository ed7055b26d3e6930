// Bindings and results shared by the depthwise kernels. MODE says what is computed:
//   0  y       x = x,  taps = weight                              (+ bias)
//   1  dx      x = dy, taps = weight turned by 180°               (+ addend)
//   2  dweight x = x,  taps = dy, out = the kernel, summed over images; dbias = Σ dy
// All three are out[oy, ox] = Σ taps[ky, kx] · x[oy + ky − PAD_Y, ox + kx − PAD_X], x zero outside its plane, for each channel.
// Taps that only ever meet padding are left out: the kernel is cropped to (2h−1) × (2w−1) around its centre (TAP_* in modes 0
// and 1, OUT_* in mode 2), and the gradient of the rest is exactly zero.
#param MODE 0 forward, 1 input gradient, 2 weight gradient
#param N images
#param CHANNELS channels
#param OUT_H rows of the output plane
#param OUT_W columns of the output plane
#param TAP_H rows of taps
#param TAP_W columns of taps
#param IN_H rows of x
#param IN_W columns of x
#param PAD_Y row offset of tap 0
#param PAD_X column offset of tap 0
#param KERNEL_H rows of the whole kernel
#param KERNEL_W columns of the whole kernel
#param EXTRA modes 0 and 1: 1 adds a bias, 2 adds an addend; mode 2: 1 writes the bias gradient
#param LANES invocations a workgroup
#param BLOCK_GROUPS workgroups along rows
#param SEGMENT_GROUPS workgroups along columns
#param BATCHES workgroups along images; in mode 2, more than one leaves partial sums for reduce.wgsl
#param BATCH_IMAGES images of a batch
#param ACCUMULATE_WEIGHT 1 to add to dweight
#param ACCUMULATE_BIAS 1 to add to dbias

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> taps: array<f32>;
#if MODE == 2
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
#if EXTRA == 1 && BATCHES == 1
@group(0) @binding(3) var<storage, read_write> dbias: array<f32>;
#endif
#elif EXTRA > 0
@group(0) @binding(2) var<storage, read> extra: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
#else
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
#endif

const GROUPS = ${SEGMENT_GROUPS * BLOCK_GROUPS * CHANNELS * BATCHES};
const PART = ${OUT_H * OUT_W + 1};

// Index of tap (0, 0) of a channel.
fn first_tap(image: i32, c: i32) -> i32 {
#if MODE == 0
  return (c * ${KERNEL_H} + ${(KERNEL_H - TAP_H) / 2}) * ${KERNEL_W} + ${(KERNEL_W - TAP_W) / 2};
#elif MODE == 1
  return ((c + 1) * ${KERNEL_H} - 1 - ${(KERNEL_H - TAP_H) / 2}) * ${KERNEL_W} + ${KERNEL_W - 1 - (KERNEL_W - TAP_W) / 2};
#else
  return (min(image, ${N - 1}) * ${CHANNELS} + c) * ${TAP_H * TAP_W};
#endif
}

// Index of tap (ky, 0), given that of tap (0, 0).
fn tap_row(first: i32, ky: i32) -> i32 {
#if MODE == 0
  return first + ky * ${KERNEL_W};
#elif MODE == 1
  return first - ky * ${KERNEL_W};
#else
  return first + ky * ${TAP_W};
#endif
}

// Writes one output. index: the image in modes 0 and 1, the batch in mode 2.
fn store(index: i32, c: i32, oy: i32, ox: i32, value: f32) {
  if (oy >= ${OUT_H} || ox >= ${OUT_W}) {
    return;
  }
#if MODE != 2
  let at = ((index * ${CHANNELS} + c) * ${OUT_H} + oy) * ${OUT_W} + ox;
#if EXTRA == 1
  out[at] = value + extra[c];
#elif EXTRA == 2
  out[at] = value + extra[at];
#else
  out[at] = value;
#endif
#elif BATCHES > 1
  out[(index * ${CHANNELS} + c) * PART + oy * ${OUT_W} + ox] = value;
#else
  let at = (c * ${KERNEL_H} + oy + ${(KERNEL_H - OUT_H) / 2}) * ${KERNEL_W} + ox + ${(KERNEL_W - OUT_W) / 2};
#if ACCUMULATE_WEIGHT
  out[at] = out[at] + value;
#else
  out[at] = value;
#endif
#endif
}

#if MODE == 2
// Zero for the taps that only ever meet padding: rows above and below, columns beside; both halves mirror each other.
fn clear_dead(c: i32, local: i32) {
#if BATCHES == 1 && !ACCUMULATE_WEIGHT
  let first = c * ${KERNEL_H * KERNEL_W};
  let last = first + ${KERNEL_H * KERNEL_W - 1};
#if KERNEL_H > OUT_H
  for (var i = local; i < ${(KERNEL_H - OUT_H) / 2 * KERNEL_W}; i += ${LANES}) {
    out[first + i] = 0.0;
    out[last - i] = 0.0;
  }
#endif
#if KERNEL_W > OUT_W
  for (var i = local; i < ${OUT_H * ((KERNEL_W - OUT_W) / 2)}; i += ${LANES}) {
    let at = (i / ${(KERNEL_W - OUT_W) / 2} + ${(KERNEL_H - OUT_H) / 2}) * ${KERNEL_W} + i % ${(KERNEL_W - OUT_W) / 2};
    out[first + at] = 0.0;
    out[last - at] = 0.0;
  }
#endif
#endif
}

#if EXTRA == 1
// One lane's share of Σ dy over a batch of images.
fn bias_share(batch: i32, c: i32, local: i32) -> f32 {
  var sum = 0.0;
  for (var image = batch * ${BATCH_IMAGES}; image < min((batch + 1) * ${BATCH_IMAGES}, ${N}); image++) {
    let base = (image * ${CHANNELS} + c) * ${TAP_H * TAP_W};
    for (var i = local; i < ${TAP_H * TAP_W}; i += ${LANES}) {
      sum += taps[base + i];
    }
  }
  return sum;
}

fn store_bias(batch: i32, c: i32, value: f32) {
#if BATCHES > 1
  out[(batch * ${CHANNELS} + c) * PART + PART - 1] = value;
#elif ACCUMULATE_BIAS
  dbias[c] = dbias[c] + value;
#else
  dbias[c] = value;
#endif
}
#endif
#endif
