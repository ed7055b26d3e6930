// Depthwise correlation for GPUs: lanes are rows.
//
// A workgroup owns one channel, IMAGES images at once, SEGMENTS·COLUMNS output columns and BLOCKS·LANES_Y·ROWS output rows. A
// lane holds ROWS × COLUMNS outputs in registers. Neighbouring lanes are neighbouring rows, so the tap is the same for a whole
// wave (a scalar operand), and the columns of taps that can meet data are known to the workgroup: rows of taps run only over
// [t0, t1), columns of taps only over the chunks [q0, q1].
// Workgroup memory: (IMAGES·TILE_H + 1) · STRIDE floats for x; row ZERO holds zeros, so rows outside the map need no branch.
// STRIDE is odd: the lanes' rows fall into different banks.
#import depthwise/common.wgsl
#param COLUMNS: int // outputs of a row in a lane
#param ROWS: int // rows of outputs in a lane
#param LANES_Y: int // lanes along rows
#param SEGMENTS: int // lanes along columns
#param IMAGES: int // lanes along images
#param SERIAL: int // images (a lane) one after the other
#param BLOCKS: int // row blocks one after the other
#param CHUNK: int // taps of a row between two tests for padding
#param PHASES: int // pieces that the rows of taps are cut into, to bound TILE_H
#param PHASE_H: int // rows of taps in a phase
#param TILE_H: int // rows of x in workgroup memory
#param TILE_W: int // columns of x in workgroup memory
#param STRIDE: int // floats between rows of the tile

const ZERO = ${IMAGES * TILE_H};
const BLOCK_H = ${LANES_Y * ROWS};

var<workgroup> tile: array<array<f32, ${STRIDE}>, ${IMAGES * TILE_H + 1}>;
#if MODE == weight && IMAGES > 1
var<workgroup> parts: array<f32, ${LANES * ROWS * COLUMNS}>;
#endif
#if MODE == weight && DBIAS
var<workgroup> sums: array<f32, ${LANES}>;
#endif

// Copies rows [row0, row0 + TILE_H) and columns [column0, column0 + TILE_W) of IMAGES planes, zero outside the map.
fn load_tile(image0: i32, c: i32, row0: i32, column0: i32, local: i32) {
  for (var i = local; i < ${IMAGES * TILE_H * TILE_W}; i += ${LANES}) {
    let slot = i / ${TILE_W};
    let column = i % ${TILE_W};
    let image = image0 + slot / ${TILE_H};
    let iy = row0 + slot % ${TILE_H};
    let ix = column0 + column;
    var value = 0.0;
    if (image < ${N} && iy >= 0 && iy < ${IN_H} && ix >= 0 && ix < ${IN_W}) {
      value = load_x(u32(((image * ${CHANNELS} + c) * ${IN_H} + iy) * ${IN_W} + ix));
    }
    tile[slot][column] = value;
  }
  for (var i = local; i < ${TILE_W}; i += ${LANES}) {
    tile[ZERO][i] = 0.0;
  }
}

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) index: u32) {
  let g = i32(group.x + group.y * groups.x);
  if (g >= GROUPS) {
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
#if IMAGES == 1
    let tap0 = first_tap(image0, c);
#else
    let tap0 = first_tap(image, c);
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
      // Row t of this lane's window is x row oy + t − PAD_Y; it meets output r with tap row t − r.
      let t0 = max(phase, ${PAD_Y - (LANES_Y - 1) * ROWS} - block_row);
      // A bound that no map reaches keeps compilers from unrolling this loop, which would cost registers and seconds and gain nothing.
      let most = min(phase + ${PHASE_H}, i32(groups.z) * 65536);
      let t1 = min(min(most, ${TAP_H + ROWS - 1}), ${IN_H + PAD_Y} - block_row);
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
            let at = tap_row(tap0, t - ${r});
#for k in q * CHUNK..min((q + 1) * CHUNK, TAP_W)
#if MODE == input
            let w${k} = load_taps(u32(at - ${k}));
#else
            let w${k} = load_taps(u32(at + ${k}));
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
#if MODE != weight
      if (image < ${N} && step == ${SERIAL * PHASES - 1}) {
#for r in 0..ROWS
#for j in 0..COLUMNS
        store(image, c, oy + ${r}, column0 + lane_column + ${j}, a${r}_${j});
#endfor
#endfor
      }
#endif
    }
  }
#if MODE == weight
#if IMAGES > 1
  // Sum of the lanes' images, in their order.
#for r in 0..ROWS
#for j in 0..COLUMNS
  parts[local * ${ROWS * COLUMNS} + ${r * COLUMNS + j}] = a${r}_${j};
#endfor
#endfor
  workgroupBarrier();
  for (var i = local; i < ${LANES_Y * SEGMENTS * ROWS * COLUMNS}; i += ${LANES}) {
    var sum = 0.0;
    for (var image = 0; image < ${IMAGES}; image++) {
      sum += parts[image * ${LANES_Y * SEGMENTS * ROWS * COLUMNS} + i];
    }
    let lane = i / ${ROWS * COLUMNS};
    let ky = first_row + lane % ${LANES_Y} * ${ROWS} + i % ${ROWS * COLUMNS} / ${COLUMNS};
    let kx = column0 + lane / ${LANES_Y} * ${COLUMNS} + i % ${COLUMNS};
    store(batch, c, ky, kx, sum);
  }
#else
#for r in 0..ROWS
#for j in 0..COLUMNS
  store(batch, c, first_row + lane_row + ${r}, column0 + lane_column + ${j}, a${r}_${j});
#endfor
#endfor
#endif
  if (g % ${SEGMENT_GROUPS * BLOCK_GROUPS} == 0) {
    clear_dead(c, local);
#if DBIAS
    // Each lane sums a strided share; lane 0 adds up the shares in order.
    sums[local] = bias_share(batch, c, local);
    workgroupBarrier();
    if (local == 0) {
      var total = 0.0;
      for (var i = 0; i < ${LANES}; i++) {
        total += sums[i];
      }
      finish_bias(batch, c, total);
    }
#endif
  }
#endif
}
