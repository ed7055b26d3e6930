// Depthwise correlation for GPUs, row by row: a lane makes COLUMNS outputs of one row and correlates each row of taps with its row of x.
//
// A workgroup owns one channel, IMAGES images at once and LANES_Y output rows, over all columns. With two SIDES it owns only the columns
// of one half, counted from the outer edge: the right half is computed as the left half of the mirrored problem. So the columns of x that
// each tap reads are known when the shader is expanded, and taps on padding generate no code. Each lane runs over its own live tap rows.
// Taps and x lie in workgroup memory as vec4, an odd number per row, so that neighbouring rows begin in different banks. For each quad of
// taps a lane reads one vec4 of both, and 4·COLUMNS multiply-adds follow.
// In mode weight the taps are dy, whose rows are shared by PARTS lanes; images and parts are added up at the end, in order.
// Workgroup memory: 16·(U_ROWS·U_STRIDE + V_ROWS·V_STRIDE) bytes, 4·LANES more with DBIAS.
#import depthwise/common.wgsl
#param COLUMNS: int // outputs of a lane
#param SIDES: int // 1, or 2 halves of the columns
#param LANES_Y: int // lanes along rows
#param IMAGES: int // lanes along images
#param PARTS: int // lanes that share the rows of taps; mode weight
#param SERIAL: int // images (a lane) one after the other
#param TILE_H: int // rows of x in workgroup memory, of an image
#param U_ROWS: int // rows of taps in workgroup memory
#param U_STRIDE: int // vec4 between them
#param V_COLUMNS: int // columns of x that the outputs of a side meet
#param V_ROWS: int // rows of x in workgroup memory, or more where results need the room
#param V_STRIDE: int // vec4 between them

const BATCHED = 8; // loads of a lane in flight while it copies

var<workgroup> taps_tile: array<array<vec4f, ${U_STRIDE}>, ${U_ROWS}>;
var<workgroup> x_tile: array<array<vec4f, ${V_STRIDE}>, ${V_ROWS}>;
#if MODE == weight && DBIAS
var<workgroup> sums: array<f32, ${LANES}>;
var<private> bias_sum = 0.0;
#endif

// Copies the taps; mirrored, their columns in reverse.
fn load_taps_tile(first_image: i32, c: i32, mirrored: bool, local: i32) {
#if MODE == weight
  const COUNT = ${IMAGES * TAP_H * TAP_W};
#else
  const COUNT = ${TAP_H * TAP_W};
#endif
  for (var start = local; start < COUNT; start += BATCHED * ${LANES}) {
#for t in 0..8
    let i${t} = start + ${t * LANES};
    let row${t} = min(i${t}, COUNT - 1) / ${TAP_W};
    let k${t} = min(i${t}, COUNT - 1) % ${TAP_W};
    let column${t} = select(k${t}, ${TAP_W - 1} - k${t}, mirrored);
#if MODE == forward
    let value${t} = load_taps(u32(tap_row(first_tap(0, c), row${t}) + column${t}));
#elif MODE == input
    let value${t} = load_taps(u32(tap_row(first_tap(0, c), row${t}) - column${t}));
#else
    let image${t} = first_image + row${t} / ${TAP_H};
    let value${t} = select(0.0, load_taps(u32(tap_row(first_tap(image${t}, c), row${t} % ${TAP_H}) + column${t})), image${t} < ${N} && i${t} < COUNT);
#endif
#endfor
#for t in 0..8
#if MODE == weight && DBIAS
    bias_sum += value${t};
#endif
    if (i${t} < COUNT) {
      taps_tile[row${t}][k${t} / 4][k${t} % 4] = value${t};
    }
#endfor
  }
}

// Copies rows [top, top + TILE_H) of IMAGES planes, the columns from the left edge or, mirrored, from the right one.
fn load_x_tile(first_image: i32, c: i32, top: i32, mirrored: bool, local: i32) {
  const COUNT = ${IMAGES * TILE_H * V_COLUMNS};
  for (var start = local; start < COUNT; start += BATCHED * ${LANES}) {
#for t in 0..8
    let i${t} = start + ${t * LANES};
    let row${t} = min(i${t}, COUNT - 1) / ${V_COLUMNS};
    let k${t} = min(i${t}, COUNT - 1) % ${V_COLUMNS};
    let image${t} = first_image + row${t} / ${TILE_H};
    let iy${t} = min(top + row${t} % ${TILE_H}, ${IN_H - 1});
    let plane${t} = min(image${t}, ${N - 1}) * ${CHANNELS} + c;
    let value${t} = load_x(u32((plane${t} * ${IN_H} + iy${t}) * ${IN_W} + select(k${t}, ${IN_W - 1} - k${t}, mirrored)));
#endfor
#for t in 0..8
    if (i${t} < COUNT) {
#if MODE == weight
      // Past the last image taps are zero, and 0·x must not be NaN.
      x_tile[row${t}][k${t} / 4][k${t} % 4] = select(0.0, value${t}, image${t} < ${N});
#else
      x_tile[row${t}][k${t} / 4][k${t} % 4] = value${t};
#endif
    }
#endfor
  }
}

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) index: u32) {
  let g = i32(group.x + group.y * groups.x);
  if (g >= GROUPS) {
    return;
  }
  let local = i32(index);
#if SIDES > 1
  let mirrored = g % ${SEGMENT_GROUPS} == 1;
#else
  let mirrored = false;
#endif
  let first_row = g / ${SEGMENT_GROUPS} % ${BLOCK_GROUPS} * ${LANES_Y};
  let c = g / ${SEGMENT_GROUPS * BLOCK_GROUPS} % ${CHANNELS};
  let batch = g / ${SEGMENT_GROUPS * BLOCK_GROUPS * CHANNELS};

  let oy = first_row + local % ${LANES_Y};
  let slot = local / ${LANES_Y};
  let lane_image = slot / ${PARTS};
  // Tap row i reads x row oy + i − PAD_Y. The TILE_H rows from `top` on are all that the workgroup reads.
  let top = clamp(first_row - ${PAD_Y}, 0, ${IN_H - TILE_H});
  let begin = max(0, ${PAD_Y} - oy) + slot % ${PARTS};
  let end = select(0, min(${TAP_H}, ${IN_H + PAD_Y} - oy), oy < ${OUT_H});
  let x_row = lane_image * ${TILE_H} + oy - ${PAD_Y} - top;
#if MODE == weight
  let taps_row = lane_image * ${TAP_H};
#else
  let taps_row = 0;
#endif

#for j in 0..COLUMNS
  var a${j} = 0.0;
#endfor
  for (var step = 0; step < ${SERIAL}; step++) {
    let first_image = (batch * ${SERIAL} + step) * ${IMAGES};
#if SERIAL > 1
    workgroupBarrier();
#endif
    load_taps_tile(first_image, c, mirrored, local);
    load_x_tile(first_image, c, top, mirrored, local);
    workgroupBarrier();
    for (var i = begin; i < end; i += ${PARTS}) {
      let u = u32(taps_row + i);
      let v = u32(x_row + i);
#for p in 0..ceildiv(TAP_W, 4)
#for q in 0..ceildiv(V_COLUMNS, 4)
#if (4 * q <= COLUMNS + 4 * p + 2 - PAD_X) && (p == 0 || 4 * q > COLUMNS + 4 * p - 2 - PAD_X)
      let x${q} = x_tile[v][${q}];
#endif
#endfor
#if COLUMNS + 4 * p + 2 - PAD_X >= 0 && 4 * p - PAD_X < V_COLUMNS
      let w${p} = taps_tile[u][${p}];
#endif
#for k in 4 * p..min(4 * p + 4, TAP_W)
#for j in 0..COLUMNS
#if j + k >= PAD_X && j + k - PAD_X < IN_W
      a${j} = fma(w${p}[${k % 4}], x${(j + k - PAD_X) / 4}[${(j + k - PAD_X) % 4}], a${j});
#endif
#endfor
#endfor
#endfor
    }
  }

  // Results go through workgroup memory, so that neighbouring lanes store neighbouring elements.
  workgroupBarrier();
#if MODE == weight
  for (var turn = 0; turn < ${IMAGES * PARTS}; turn++) {
    if (slot == turn) {
#for q in 0..ceildiv(COLUMNS, 4)
      let at${q} = local % ${LANES_Y} * ${ceildiv(COLUMNS, 4)} + ${q};
      var sum${q} = vec4f();
#for j in 4 * q..min(4 * q + 4, COLUMNS)
      sum${q}[${j % 4}] = a${j};
#endfor
      if (turn > 0) {
        sum${q} += x_tile[at${q} / ${V_STRIDE}][at${q} % ${V_STRIDE}];
      }
      x_tile[at${q} / ${V_STRIDE}][at${q} % ${V_STRIDE}] = sum${q};
#endfor
    }
    workgroupBarrier();
  }
  const RESULTS = ${LANES_Y * COLUMNS};
#else
#for q in 0..ceildiv(COLUMNS, 4)
  let at${q} = local * ${ceildiv(COLUMNS, 4)} + ${q};
  var sum${q} = vec4f();
#for j in 4 * q..min(4 * q + 4, COLUMNS)
  sum${q}[${j % 4}] = a${j};
#endfor
  x_tile[at${q} / ${V_STRIDE}][at${q} % ${V_STRIDE}] = sum${q};
#endfor
  workgroupBarrier();
  const RESULTS = ${LANES * COLUMNS};
#endif
  for (var i = local; i < RESULTS; i += ${LANES}) {
    let j = i % ${COLUMNS};
    let lane = i / ${COLUMNS};
    let at = lane * ${ceildiv(COLUMNS, 4)} + j / 4;
    let value = x_tile[at / ${V_STRIDE}][at % ${V_STRIDE}][j % 4];
    let row = first_row + lane % ${LANES_Y};
#if MODE == weight
    let to = batch;
    let is_there = true;
#else
    let to = batch * ${IMAGES} + lane / ${LANES_Y};
    let is_there = to < ${N};
#endif
    // With an odd number of columns, the middle one belongs to the left half.
    if (is_there && !(mirrored && j >= ${OUT_W - COLUMNS})) {
      store(to, c, row, select(j, ${OUT_W - 1} - j, mirrored), value);
    }
  }
#if MODE == weight
  if (g % ${SEGMENT_GROUPS * BLOCK_GROUPS} == 0) {
    clear_dead(c, local);
#if DBIAS
    sums[local] = bias_sum;
    for (var width = ${LANES}; width > 1; width = (width + 1) / 2) {
      workgroupBarrier();
      let half = (width + 1) / 2;
      if (local + half < width) {
        sums[local] += sums[local + half];
      }
    }
    if (local == 0) {
      finish_bias(batch, c, sums[0]);
    }
#endif
  }
#endif
}
