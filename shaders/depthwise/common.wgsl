// Bindings and results shared by the depthwise kernels. MODE says what is computed:
//   forward  y        x = x,  taps = weight                       (+ bias)
//   input    dx       x = dy, taps = weight turned by 180°        (+ addend)
//   weight   dweight  x = x,  taps = dy, out = the kernel, summed over images; dbias = Σ dy
// All three are out[oy, ox] = Σ taps[ky, kx] · x[oy + ky − PAD_Y, ox + kx − PAD_X], x zero outside its plane, for each channel.
// Taps that only ever meet padding are left out: the kernel is cropped to (2h−1) × (2w−1) around its centre (OUT_* in mode
// weight, TAP_* in the others), and the gradient of the rest is exactly zero.
#param MODE: forward | input | weight // what is computed
#param N: int // images
#param CHANNELS: int // channels
#param OUT_H: int // rows of the output plane
#param OUT_W: int // columns of the output plane
#param TAP_H: int // rows of taps
#param TAP_W: int // columns of taps
#param IN_H: int // rows of x
#param IN_W: int // columns of x
#param PAD_Y: int // row offset of tap 0
#param PAD_X: int // column offset of tap 0
#param KERNEL_H: int // rows of the whole kernel
#param KERNEL_W: int // columns of the whole kernel
#param DBIAS: bool // also the gradient of a bias; mode weight
#param LANES: int // invocations per workgroup
#param BLOCK_GROUPS: int // workgroups along rows
#param SEGMENT_GROUPS: int // workgroups along columns
#param BATCHES: int // workgroups along images; in mode weight, more than one leaves partial sums for reduce.wgsl
#param BATCH_IMAGES: int // images of a batch

#bind read x: array<f32> // (N, CHANNELS, IN_H, IN_W)
#bind read taps: array<f32> // (CHANNELS, KERNEL_H, KERNEL_W), in mode weight (N, CHANNELS, TAP_H, TAP_W)
#if MODE == forward
#bind read bias?: array<f32> // (CHANNELS)
#elif MODE == input
#bind read addend?: array<f32> // (N, CHANNELS, OUT_H, OUT_W)
#endif
#bind read_write out: array<f32> // (N, CHANNELS, OUT_H, OUT_W), in mode weight (CHANNELS, KERNEL_H, KERNEL_W) or parts
#if MODE == weight && DBIAS && BATCHES == 1
#bind read_write dbias: array<f32> // (CHANNELS)
#endif

const GROUPS = ${SEGMENT_GROUPS * BLOCK_GROUPS * CHANNELS * BATCHES};
const PART = ${OUT_H * OUT_W + 1};

// Index of tap (0, 0) of a channel.
fn first_tap(image: i32, c: i32) -> i32 {
#if MODE == forward
  return (c * ${KERNEL_H} + ${(KERNEL_H - TAP_H) / 2}) * ${KERNEL_W} + ${(KERNEL_W - TAP_W) / 2};
#elif MODE == input
  return ((c + 1) * ${KERNEL_H} - 1 - ${(KERNEL_H - TAP_H) / 2}) * ${KERNEL_W} + ${KERNEL_W - 1 - (KERNEL_W - TAP_W) / 2};
#else
  return (min(image, ${N - 1}) * ${CHANNELS} + c) * ${TAP_H * TAP_W};
#endif
}

// Index of tap (ky, 0), given that of tap (0, 0).
fn tap_row(first: i32, ky: i32) -> i32 {
#if MODE == forward
  return first + ky * ${KERNEL_W};
#elif MODE == input
  return first - ky * ${KERNEL_W};
#else
  return first + ky * ${TAP_W};
#endif
}

// A plane of x: index of its first element, rows and columns.
struct Map {
  first: i32,
  rows: i32,
  columns: i32,
}

// Terms that an output is the sum of, and elements between rows and columns of a plane.
const TERMS = 1;
const ROW_STEP = ${IN_W};
const COLUMN_STEP = 1;

fn map_of(image: i32, c: i32, term: i32) -> Map {
  return Map((image * ${CHANNELS} + c) * ${IN_H * IN_W}, ${IN_H}, ${IN_W});
}

fn taps_of(image: i32, c: i32, term: i32) -> i32 {
  return first_tap(image, c);
}

fn tap_at(first: i32, ky: i32, kx: i32) -> f32 {
#if MODE == input
  return load_taps(u32(tap_row(first, ky) - kx));
#else
  return load_taps(u32(tap_row(first, ky) + kx));
#endif
}

// Stores one output. `index` is the image, in mode weight the batch.
fn store(index: i32, c: i32, oy: i32, ox: i32, value: f32) {
  if (oy >= ${OUT_H} || ox >= ${OUT_W}) {
    return;
  }
#if MODE != weight
  let at = ((index * ${CHANNELS} + c) * ${OUT_H} + oy) * ${OUT_W} + ox;
#if MODE == forward && bound(bias)
  store_out(u32(at), value + load_bias(u32(c)));
#elif MODE == input && bound(addend)
  store_out(u32(at), value + load_addend(u32(at)));
#else
  store_out(u32(at), value);
#endif
#elif BATCHES > 1
  store_out(u32((index * ${CHANNELS} + c) * PART + oy * ${OUT_W} + ox), value);
#else
  let at = (c * ${KERNEL_H} + oy + ${(KERNEL_H - OUT_H) / 2}) * ${KERNEL_W} + ox + ${(KERNEL_W - OUT_W) / 2};
  accumulate_out(u32(at), value);
#endif
}

#if MODE == weight
// Zero for the taps that only ever meet padding: rows above and below, columns beside; both halves mirror each other.
fn clear_dead(c: i32, local: i32) {
#if BATCHES == 1 && !accumulates(out)
  let first = c * ${KERNEL_H * KERNEL_W};
  let last = first + ${KERNEL_H * KERNEL_W - 1};
#if KERNEL_H > OUT_H
  for (var i = local; i < ${(KERNEL_H - OUT_H) / 2 * KERNEL_W}; i += ${LANES}) {
    store_out(u32(first + i), 0.0);
    store_out(u32(last - i), 0.0);
  }
#endif
#if KERNEL_W > OUT_W
  for (var i = local; i < ${OUT_H * ((KERNEL_W - OUT_W) / 2)}; i += ${LANES}) {
    let at = (i / ${(KERNEL_W - OUT_W) / 2} + ${(KERNEL_H - OUT_H) / 2}) * ${KERNEL_W} + i % ${(KERNEL_W - OUT_W) / 2};
    store_out(u32(first + at), 0.0);
    store_out(u32(last - at), 0.0);
  }
#endif
#endif
}

#if DBIAS
// One lane's share of Σ dy over a batch of images.
fn bias_share(batch: i32, c: i32, local: i32) -> f32 {
  var sum = 0.0;
  for (var image = batch * ${BATCH_IMAGES}; image < min((batch + 1) * ${BATCH_IMAGES}, ${N}); image++) {
    let base = (image * ${CHANNELS} + c) * ${TAP_H * TAP_W};
    for (var i = local; i < ${TAP_H * TAP_W}; i += ${LANES}) {
      sum += load_taps(u32(base + i));
    }
  }
  return sum;
}

fn finish_bias(batch: i32, c: i32, value: f32) {
#if BATCHES > 1
  store_out(u32((batch * ${CHANNELS} + c) * PART + PART - 1), value);
#else
  accumulate_dbias(u32(c), value);
#endif
}
#endif
#endif
