// Depthwise correlation of planes: out[oy, ox] = Σ taps[ky, kx] · x[oy + ky − PAD_Y, ox + kx − PAD_X], x zero outside its plane.
//
// One loop nest serves three uses (MODE):
//   0  y       x = x,  taps = weight                              (+ bias)
//   1  dx      x = dy, taps = weight turned by 180°               (+ addend)
//   2  dweight x = x,  taps = dy, out = the kernel, summed over images; dbias = Σ dy
// Maps are (n, CHANNELS, h, w). A workgroup owns one channel, IMAGES images at once, SEGMENTS·COLUMNS output columns and
// BLOCKS·LANES_Y·ROWS output rows. A lane holds ROWS × COLUMNS outputs in registers; neighbouring lanes are neighbouring rows, so
// the tap is the same for a whole wave (a scalar operand) and the columns that can meet data are known to the workgroup.
// Taps that meet only padding are left out: the kernel arrives cropped to TAP_H × TAP_W ≤ (2h−1) × (2w−1), rows of taps run
// only over [t0, t1) and columns of taps only over the chunks [q0, q1].
// Workgroup memory: (IMAGES·TILE_H + 1) · STRIDE floats for x; row ZERO holds zeros, so rows outside the map need no branch.
#param MODE 0 forward, 1 input gradient, 2 weight gradient
#param N images
#param CHANNELS channels
#param OUT_H rows of the output plane
#param OUT_W columns of the output plane
#param TAP_H rows of taps (cropped)
#param TAP_W columns of taps (cropped)
#param IN_H rows of x
#param IN_W columns of x
#param PAD_Y row offset of tap 0
#param PAD_X column offset of tap 0
#param KERNEL_H rows of the whole kernel
#param KERNEL_W columns of the whole kernel
#param EXTRA forward: 1 adds a bias, 2 adds an addend; weight gradient: 1 writes the bias gradient
#param COLUMNS outputs of a row in a lane
#param ROWS rows of outputs in a lane
#param LANES_Y lanes along rows
#param SEGMENTS lanes along columns
#param IMAGES lanes along images
#param BLOCKS row blocks one after the other
#param CHUNK taps of a row between two tests for padding
#param SERIAL images (per lane) one after the other
#param PHASES pieces that the rows of taps are cut into, to bound TILE_H
#param PHASE_H rows of taps in a phase
#param TILE_H rows of x in workgroup memory
#param TILE_W columns of x in workgroup memory
#param STRIDE floats between rows of the tile
#param BLOCK_GROUPS workgroups along rows
#param SEGMENT_GROUPS workgroups along columns
#param BATCHES workgroups along images
#param ACCUMULATE_WEIGHT 1 to add to dweight
#param ACCUMULATE_BIAS 1 to add to dbias

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> taps: array<f32>;
#if MODE == 2
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
#if EXTRA == 1 && BATCHES == 1
@group(0) @binding(3) var<storage, read_write> dbias: array<f32>;
#endif
#else
#if EXTRA > 0
@group(0) @binding(2) var<storage, read> extra: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
#else
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
#endif
#endif

const ZERO = ${IMAGES * TILE_H};
const LANES = ${LANES_Y * SEGMENTS * IMAGES};
const BLOCK_H = ${LANES_Y * ROWS};

var<workgroup> tile: array<array<f32, ${STRIDE}>, ${IMAGES * TILE_H + 1}>;
#if MODE == 2 && IMAGES > 1
var<workgroup> parts: array<f32, ${LANES_Y * SEGMENTS * IMAGES * ROWS * COLUMNS}>;
#endif
#if MODE == 2 && EXTRA == 1
var<workgroup> sums: array<f32, ${LANES_Y * SEGMENTS * IMAGES}>;
#endif

// Copies rows [row0, row0 + TILE_H) and columns [column0, column0 + TILE_W) of IMAGES planes, zero outside the map.
fn load_tile(image0: i32, c: i32, row0: i32, column0: i32, local: i32) {
  for (var i = local; i < ${IMAGES * TILE_H * TILE_W}; i += LANES) {
    let slot = i / ${TILE_W};
    let column = i % ${TILE_W};
    let image = image0 + slot / ${TILE_H};
    let iy = row0 + slot % ${TILE_H};
    let ix = column0 + column;
    var value = 0.0;
    if (image < ${N} && iy >= 0 && iy < ${IN_H} && ix >= 0 && ix < ${IN_W}) {
      value = x[((image * ${CHANNELS} + c) * ${IN_H} + iy) * ${IN_W} + ix];
    }
    tile[slot][column] = value;
  }
  for (var i = local; i < ${TILE_W}; i += LANES) {
    tile[ZERO][i] = 0.0;
  }
}

#if MODE != 2
fn store(image: i32, c: i32, oy: i32, ox: i32, value: f32) {
#if OUT_W % (SEGMENTS * COLUMNS)
  if (ox >= ${OUT_W}) {
    return;
  }
#endif
  let at = ((image * ${CHANNELS} + c) * ${OUT_H} + oy) * ${OUT_W} + ox;
#if EXTRA == 1
  out[at] = value + extra[c];
#elif EXTRA == 2
  out[at] = value + extra[at];
#else
  out[at] = value;
#endif
}
#endif

#if MODE == 2
fn store(batch: i32, c: i32, ky: i32, kx: i32, value: f32) {
  if (ky >= ${OUT_H} || kx >= ${OUT_W}) {
    return;
  }
#if BATCHES > 1
  out[(batch * ${CHANNELS} + c) * ${OUT_H * OUT_W + 1} + ky * ${OUT_W} + kx] = value;
#else
  let at = (c * ${KERNEL_H} + ky + ${(KERNEL_H - OUT_H) / 2}) * ${KERNEL_W} + kx + ${(KERNEL_W - OUT_W) / 2};
#if ACCUMULATE_WEIGHT
  out[at] = out[at] + value;
#else
  out[at] = value;
#endif
#endif
}

// Taps that never meet data have gradient zero.
fn clear_dead(c: i32, local: i32) {
#if BATCHES == 1 && !ACCUMULATE_WEIGHT
  for (var i = local; i < ${KERNEL_H * KERNEL_W}; i += LANES) {
    let ky = i / ${KERNEL_W} - ${(KERNEL_H - OUT_H) / 2};
    let kx = i % ${KERNEL_W} - ${(KERNEL_W - OUT_W) / 2};
    if (ky < 0 || ky >= ${OUT_H} || kx < 0 || kx >= ${OUT_W}) {
      out[c * ${KERNEL_H * KERNEL_W} + i] = 0.0;
    }
  }
#endif
}
#endif

#if MODE == 2 && EXTRA == 1
// dbias = Σ dy over this workgroup's images: strided partial sums, then lane 0 adds them in order.
fn bias_gradient(batch: i32, c: i32, local: i32) {
  var sum = 0.0;
  let first = batch * ${SERIAL * IMAGES};
  for (var image = first; image < min(first + ${SERIAL * IMAGES}, ${N}); image++) {
    let base = (image * ${CHANNELS} + c) * ${TAP_H * TAP_W};
    for (var i = local; i < ${TAP_H * TAP_W}; i += LANES) {
      sum += taps[base + i];
    }
  }
  sums[local] = sum;
  workgroupBarrier();
  if (local == 0) {
    var total = 0.0;
    for (var i = 0; i < LANES; i++) {
      total += sums[i];
    }
#if BATCHES > 1
    out[(batch * ${CHANNELS} + c) * ${OUT_H * OUT_W + 1} + ${OUT_H * OUT_W}] = total;
#elif ACCUMULATE_BIAS
    dbias[c] = dbias[c] + total;
#else
    dbias[c] = total;
#endif
  }
}
#endif

@compute @workgroup_size(${LANES_Y * SEGMENTS * IMAGES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) index: u32) {
  let g = i32(group.x + group.y * groups.x);
  if (g >= ${SEGMENT_GROUPS * BLOCK_GROUPS * CHANNELS * BATCHES}) {
    return;
  }
  let local = i32(index);
  let column0 = g % ${SEGMENT_GROUPS} * ${SEGMENTS * COLUMNS};
  let first_row = g / ${SEGMENT_GROUPS} % ${BLOCK_GROUPS} * ${BLOCKS} * BLOCK_H;
  let c = g / ${SEGMENT_GROUPS * BLOCK_GROUPS} % ${CHANNELS};
  let batch = g / ${SEGMENT_GROUPS * BLOCK_GROUPS * CHANNELS};

  let lane_row = local % ${LANES_Y} * ${ROWS};
  let lane_column = local / ${LANES_Y} % ${SEGMENTS} * ${COLUMNS};
  let lane_image = local / ${LANES_Y * SEGMENTS};

#if TAP_W > CHUNK
  // Chunks of tap columns that meet data from any column of this workgroup.
  let q0 = max(${PAD_X - SEGMENTS * COLUMNS + 1} - column0, 0) / ${CHUNK};
  let q1 = min(${PAD_X + IN_W - 1} - column0, ${TAP_W - 1}) / ${CHUNK};
#endif

#for r in 0..ROWS
#for j in 0..COLUMNS
  var a${r}_${j} = 0.0;
#endfor
#endfor

  for (var step = 0; step < ${SERIAL * PHASES}; step++) {
    let image0 = (batch * ${SERIAL} + step / ${PHASES}) * ${IMAGES};
    let image = image0 + lane_image;
    let phase = step % ${PHASES} * ${PHASE_H};
    let row0 = max(first_row + phase - ${PAD_Y}, 0);
#if SERIAL * PHASES > 1
    workgroupBarrier();
#endif
    load_tile(image0, c, row0, column0 - ${PAD_X}, local);
    workgroupBarrier();
#if MODE == 0
    let tap0 = (c * ${KERNEL_H} + ${(KERNEL_H - TAP_H) / 2}) * ${KERNEL_W} + ${(KERNEL_W - TAP_W) / 2};
#elif MODE == 1
    let tap0 = ((c + 1) * ${KERNEL_H} - 1 - ${(KERNEL_H - TAP_H) / 2}) * ${KERNEL_W} + ${KERNEL_W - 1 - (KERNEL_W - TAP_W) / 2};
#elif IMAGES == 1
    let tap0 = (min(image0, ${N - 1}) * ${CHANNELS} + c) * ${TAP_H * TAP_W};
#else
    let tap0 = (min(image, ${N - 1}) * ${CHANNELS} + c) * ${TAP_H * TAP_W};
#endif

    for (var block = 0; block < ${BLOCKS}; block++) {
      let block_row = first_row + block * BLOCK_H;
      let oy = block_row + lane_row;
#if BLOCKS > 1
#for r in 0..ROWS
#for j in 0..COLUMNS
      a${r}_${j} = 0.0;
#endfor
#endfor
#endif
      // Row t of the window of this lane is x row oy + t − PAD_Y; it meets output r with tap row t − r.
      let t0 = max(phase, ${PAD_Y - (LANES_Y - 1) * ROWS} - block_row);
      let t1 = min(min(phase + ${PHASE_H}, ${TAP_H + ROWS - 1}), ${IN_H + PAD_Y} - block_row);
      for (var t = t0; t < t1; t++) {
        let d = u32(oy + t - ${PAD_Y} - row0);
        let slot = select(u32(ZERO), u32(lane_image) * ${TILE_H}u + d, d < ${TILE_H}u);
#for q in 0..ceildiv(TAP_W, CHUNK)
#if TAP_W > CHUNK
        if (q0 <= ${q} && ${q} <= q1) {
#else
        {
#endif
#for j in q * CHUNK..min((q + 1) * CHUNK, TAP_W) + COLUMNS - 1
#if SEGMENTS > 1
          let x${j} = tile[slot][lane_column + ${j}];
#else
          let x${j} = tile[slot][${j}];
#endif
#endfor
#for r in 0..ROWS
#if ROWS > 1
          if (t >= ${r} && t < ${TAP_H + r}) {
#else
          {
#endif
#if MODE == 1
            let at = tap0 - (t - ${r}) * ${KERNEL_W};
#elif MODE == 0
            let at = tap0 + (t - ${r}) * ${KERNEL_W};
#else
            let at = tap0 + (t - ${r}) * ${TAP_W};
#endif
#for k in q * CHUNK..min((q + 1) * CHUNK, TAP_W)
#if MODE == 1
            let w${k} = taps[at - ${k}];
#else
            let w${k} = taps[at + ${k}];
#endif
#for j in 0..COLUMNS
            a${r}_${j} = fma(w${k}, x${j + k}, a${r}_${j});
#endfor
#endfor
          }
#endfor
        }
#endfor
      }
#if MODE != 2
#if SERIAL * PHASES > 1
      if (step == ${SERIAL * PHASES - 1}) {
#else
      {
#endif
        if (image < ${N}) {
#for r in 0..ROWS
          if (oy + ${r} < ${OUT_H}) {
#for j in 0..COLUMNS
            store(image, c, oy + ${r}, column0 + lane_column + ${j}, a${r}_${j});
#endfor
          }
#endfor
        }
      }
#elif BLOCKS > 1
#for r in 0..ROWS
#for j in 0..COLUMNS
      store(batch, c, oy + ${r}, column0 + lane_column + ${j}, a${r}_${j});
#endfor
#endfor
#endif
    }
  }
#if MODE == 2
#if IMAGES > 1
  // Sum of the lanes' images, in their order.
#for r in 0..ROWS
#for j in 0..COLUMNS
  parts[local * ${ROWS * COLUMNS} + ${r * COLUMNS + j}] = a${r}_${j};
#endfor
#endfor
  workgroupBarrier();
  for (var i = local; i < ${LANES_Y * SEGMENTS * ROWS * COLUMNS}; i += LANES) {
    var sum = 0.0;
    for (var image = 0; image < ${IMAGES}; image++) {
      sum += parts[image * ${LANES_Y * SEGMENTS * ROWS * COLUMNS} + i];
    }
    let lane = i / ${ROWS * COLUMNS};
    let ky = first_row + lane % ${LANES_Y} * ${ROWS} + i % ${ROWS * COLUMNS} / ${COLUMNS};
    let kx = column0 + lane / ${LANES_Y} * ${COLUMNS} + i % ${COLUMNS};
    store(batch, c, ky, kx, sum);
  }
#elif BLOCKS == 1
#for r in 0..ROWS
#for j in 0..COLUMNS
  store(batch, c, first_row + lane_row + ${r}, column0 + lane_column + ${j}, a${r}_${j});
#endfor
#endfor
#endif
  if (g % ${SEGMENT_GROUPS * BLOCK_GROUPS} == 0) {
    clear_dead(c, local);
#if EXTRA == 1
    bias_gradient(batch, c, local);
#endif
  }
#endif
}
