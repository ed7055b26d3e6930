// Bindings and results of a depthwise convolution with strides STRIDE and MULTIPLIER output channels an input channel. Every STRIDE_Y-th
// row and STRIDE_X-th column of a map, from row ry and column rx, is a phase of it. Tap (i, j) meets, for output (p, q), element
// (p + a, q + b) of the phase that (i − PADDING_Y, j − PADDING_X) is in, at offset (a, b): a convolution is a sum of phases at stride 1.
//   forward  y        channel o, the sum over phases of x with their taps           (+ bias)
//   input    dx       phase r of channel c, the sum over its output channels of dy with the taps of r, turned by 180°
//   weight   dweight  the taps of phase r of output channel o: x of that phase with dy, summed over images
// OUT, TAP and IN are sizes of phases. Taps that only ever meet padding are left out, their gradient is zero.
#param MODE: forward | input | weight // what is computed
#param N: int // images
#param CHANNELS: int // output channels, in mode weight of each phase; in mode input, input channels of each phase
#param OUT_H: int // rows of an output plane
#param OUT_W: int // columns of an output plane
#param TAP_H: int // rows of taps
#param TAP_W: int // columns of taps
#param IN_H: int // rows of a plane of x, at most
#param IN_W: int // columns of a plane of x, at most
#param PAD_Y: int // row offset of tap 0
#param PAD_X: int // column offset of tap 0
#param KERNEL_H: int // rows of the whole kernel
#param KERNEL_W: int // columns of the whole kernel
#param LANES: int // invocations a workgroup
#param BLOCK_GROUPS: int // workgroups along rows
#param SEGMENT_GROUPS: int // workgroups along columns
#param BATCHES: int // 1 in mode weight; else images
#param BATCH_IMAGES: int // images of a batch
#param STRIDE_Y: int // of rows
#param STRIDE_X: int // of columns
#param PADDING_Y: int // zeros above
#param PADDING_X: int // zeros on the left
#param MULTIPLIER: int // output channels of an input channel
#param MAP_H: int // rows of the map that falls into phases
#param MAP_W: int // columns of it
#param FIRST_Y: int // least offset of a tap's row
#param FIRST_X: int // least offset of a tap's column

#bind read x: array<f32> // (N, c, MAP_H, MAP_W), in mode input dy (N, co, IN_H, IN_W)
#bind read taps: array<f32> // (co, 1, KERNEL_H, KERNEL_W), in mode weight dy (N, co, TAP_H, TAP_W)
#if MODE == forward
#bind read bias?: array<f32> // (co)
#endif
#bind read_write out: array<f32> // y (N, co, OUT_H, OUT_W), dx (N, c, MAP_H, MAP_W) or dweight (co, 1, KERNEL_H, KERNEL_W)

const GROUPS = ${SEGMENT_GROUPS * BLOCK_GROUPS * CHANNELS * BATCHES};
const PHASES = ${STRIDE_Y * STRIDE_X};
const STRIDE = vec2i(${STRIDE_Y}, ${STRIDE_X});
const PADDING = vec2i(${PADDING_Y}, ${PADDING_X});
const KERNEL = vec2i(${KERNEL_H}, ${KERNEL_W});
const FIRST = vec2i(${FIRST_Y}, ${FIRST_X});
const MAP = vec2i(${MAP_H}, ${MAP_W});
const PLANE = vec2i(${IN_H}, ${IN_W});

struct Map {
  first: i32,
  rows: i32,
  columns: i32,
}

#if MODE == input
const TERMS = ${MULTIPLIER};
const ROW_STEP = ${IN_W};
const COLUMN_STEP = 1;
#else
#if MODE == forward
const TERMS = PHASES;
#else
const TERMS = 1;
#endif
const ROW_STEP = ${STRIDE_Y * MAP_W};
const COLUMN_STEP = ${STRIDE_X};
#endif

// Row and column at which the phase of a term starts.
fn phase_of(c: i32, term: i32) -> vec2i {
#if MODE == forward
  let phase = term;
#else
  let phase = c % PHASES;
#endif
  return vec2i(phase / STRIDE.y, phase % STRIDE.y);
}

fn output_channel(c: i32, term: i32) -> i32 {
#if MODE == forward
  return c;
#elif MODE == input
  return c / PHASES * ${MULTIPLIER} + term;
#else
  return c / PHASES;
#endif
}

fn map_of(image: i32, c: i32, term: i32) -> Map {
  let o = output_channel(c, term);
#if MODE == input
  return Map((image * ${CHANNELS * MULTIPLIER / (STRIDE_Y * STRIDE_X)} + o) * (PLANE.x * PLANE.y), PLANE.x, PLANE.y);
#else
#if MODE == forward
  const INPUTS = ${CHANNELS / MULTIPLIER};
#else
  const INPUTS = ${CHANNELS / MULTIPLIER / (STRIDE_Y * STRIDE_X)};
#endif
  let phase = phase_of(c, term);
  let first = ((image * INPUTS + o / ${MULTIPLIER}) * MAP.x + phase.x) * MAP.y + phase.y;
  let size = (MAP - phase + STRIDE - 1) / STRIDE;
  return Map(first, size.x, size.y);
#endif
}

struct Taps {
  first: i32,
  phase: vec2i,
}

fn taps_of(image: i32, c: i32, term: i32) -> Taps {
  let o = output_channel(c, term);
#if MODE == weight
  let plane = min(image, ${N - 1}) * ${CHANNELS / (STRIDE_Y * STRIDE_X)} + o;
  return Taps(plane * ${TAP_H * TAP_W}, vec2i());
#else
  return Taps(o * (KERNEL.x * KERNEL.y), phase_of(c, term));
#endif
}

// A tap of a phase; zero beyond the kernel, where other phases have one more.
fn tap_at(source: Taps, ky: i32, kx: i32) -> f32 {
#if MODE == weight
  return load_taps(u32(source.first + ky * ${TAP_W} + kx));
#else
#if MODE == input
  let offset = FIRST + vec2i(${TAP_H - 1} - ky, ${TAP_W - 1} - kx);
#else
  let offset = FIRST + vec2i(ky, kx);
#endif
  let k = offset * STRIDE + source.phase + PADDING;
  let within = clamp(k, vec2i(), KERNEL - 1);
  return select(0.0, load_taps(u32(source.first + within.x * KERNEL.y + within.y)), all(k == within));
#endif
}

// Writes one output. index: the image, in mode weight 0.
fn store(index: i32, c: i32, oy: i32, ox: i32, value: f32) {
  if (oy >= ${OUT_H} || ox >= ${OUT_W}) {
    return;
  }
#if MODE == forward
  let at = ((index * ${CHANNELS} + c) * ${OUT_H} + oy) * ${OUT_W} + ox;
#if bound(bias)
  store_out(u32(at), value + load_bias(u32(c)));
#else
  store_out(u32(at), value);
#endif
#elif MODE == input
  let phase = phase_of(c, 0);
  let first = ((index * ${CHANNELS / (STRIDE_Y * STRIDE_X)} + c / PHASES) * MAP.x + phase.x) * MAP.y + phase.y;
#if MAP_H % STRIDE_Y + MAP_W % STRIDE_X > 0
  if (any(phase + vec2i(oy, ox) * STRIDE >= MAP)) {
    return;
  }
#endif
  store_out(u32(first + oy * ${STRIDE_Y * MAP_W} + ox * ${STRIDE_X}), value);
#else
  let k = FIRST * STRIDE + phase_of(c, 0) + PADDING;
  let moved = k + vec2i(oy, ox) * STRIDE;
  if (all(moved >= vec2i()) && all(moved < KERNEL)) {
    let first = (c / PHASES * KERNEL.x + k.x) * KERNEL.y + k.y;
    accumulate_out(u32(first + oy * ${STRIDE_Y * KERNEL_W} + ox * ${STRIDE_X}), value);
  }
#endif
}

#if MODE == weight
fn clear_dead(c: i32, local: i32) {
  clear_dead_from(c, local, ${LANES});
}

// Zero for the taps of a phase that only ever meet padding.
fn clear_dead_from(c: i32, first: i32, step: i32) {
#if !accumulates(out)
  let phase = phase_of(c, 0);
  for (var i = first; i < ${KERNEL_H * KERNEL_W}; i += step) {
    // Moved by whole strides, so that nothing is divided below zero.
    let moved = vec2i(i / KERNEL.y, i % KERNEL.y) - PADDING + PADDING * STRIDE;
    let offset = moved / STRIDE - PADDING - FIRST;
    if (all(moved % STRIDE == phase) && !(all(offset >= vec2i()) && all(offset < vec2i(${OUT_H}, ${OUT_W})))) {
      store_out(u32(c / PHASES * ${KERNEL_H * KERNEL_W} + i), 0.0);
    }
  }
#endif
}
#endif
