// The body of vector.wgsl and strided.wgsl: maps and taps by map_of and taps_of, results by store.
#param ROWS: int // rows of outputs in a workgroup
#param VECTORS: int // output columns of a workgroup, in units of LANES
#param V0: int // first vector of x that the workgroup's columns meet, relative to its first column
#param V1: int // one past the last
#param FULL_W: int // columns that every plane of x has

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) index: u32, @builtin(subgroup_size) size: u32) {
  let g = i32(group.x + group.y * groups.x);
  if (g >= GROUPS) {
    return;
  }
  let column0 = g % ${SEGMENT_GROUPS} * ${VECTORS * LANES};
  let oy = g / ${SEGMENT_GROUPS} % ${BLOCK_GROUPS} * ${ROWS};
  let c = g / ${SEGMENT_GROUPS * BLOCK_GROUPS} % ${CHANNELS};
  let batch = g / ${SEGMENT_GROUPS * BLOCK_GROUPS * CHANNELS};
  let has_extras = g % ${SEGMENT_GROUPS * BLOCK_GROUPS} == 0;
#if MODE == weight
  if (has_extras) {
    clear_dead(c, i32(local));
  }
#endif
  if (size < ${LANES}u) {
    for (var i = 0; i < ${ROWS * VECTORS}; i++) {
      plain(batch, c, oy + i / ${VECTORS}, column0 + i % ${VECTORS} * ${LANES} + i32(local));
    }
#if MODE == weight && DBIAS
    if (has_extras && local == 0) {
      plain_bias(batch, c);
    }
#endif
    return;
  }

  let lane = i32(index);
#for r in 1..LANES
  let turn${r} = (index + ${r}u) & ${LANES - 1}u;
  let wraps${r} = index + ${r}u >= ${LANES}u;
#endfor

#for r in 0..ROWS
#for m in 0..VECTORS
  var a${r}_${m} = 0.0;
#endfor
#endfor

  for (var image = batch * ${BATCH_IMAGES}; image < min((batch + 1) * ${BATCH_IMAGES}, ${N}); image++) {
    for (var term = 0; term < min(TERMS, i32(groups.z) * 65536); term++) {
      let map = map_of(image, c, term);
      let taps0 = taps_of(image, c, term);
#for r in 0..ROWS
#for v in 0..ceildiv(TAP_W, LANES)
      var w${r}_${v} = 0.0;
#endfor
#endfor
      // Row t of the window is x row oy + t − PAD_Y. Taps are carried from ROWS − 1 rows before the first that lies in the map.
      // The bound no map reaches keeps compilers from unrolling these loops, which would cost seconds.
      let t1 = min(min(${TAP_H + ROWS - 1}, i32(groups.z) * 65536), map.rows + ${PAD_Y} - oy);
      let t0 = max(0, ${PAD_Y} - oy);
      for (var t = max(0, t0 - ${ROWS - 1}); t < min(t0, t1); t++) {
#for v in 0..ceildiv(TAP_W, LANES)
        w0_${v} = select(0.0, tap_at(taps0, min(t, ${TAP_H - 1}), min(${v * LANES} + lane, ${TAP_W - 1})), t < ${TAP_H});
#endfor
#for r in 1..ROWS
#for v in 0..ceildiv(TAP_W, LANES)
        w${ROWS - r}_${v} = w${ROWS - r - 1}_${v};
#endfor
#endfor
      }
      for (var t = t0; t < t1; t++) {
        let iy = oy + t - ${PAD_Y};
        let row = map.first + iy * ROW_STEP;
#for v in V0..V1
        let column_${v - V0} = column0 + ${v * LANES} + lane;
#if SEGMENT_GROUPS == 1 && v * LANES + LANES <= FULL_W
        let x${v - V0} = load_x(u32(row + column_${v - V0} * COLUMN_STEP));
#else
        let inside_${v - V0} = column_${v - V0} >= 0 && column_${v - V0} < map.columns;
        let x${v - V0} = select(0.0, load_x(u32(row + clamp(column_${v - V0}, 0, map.columns - 1) * COLUMN_STEP)), inside_${v - V0});
#endif
#endfor
#for v in 0..ceildiv(TAP_W, LANES)
        w0_${v} = select(0.0, tap_at(taps0, min(t, ${TAP_H - 1}), min(${v * LANES} + lane, ${TAP_W - 1})), t < ${TAP_H});
#endfor
        // z(q) are the columns q·LANES + r + lane of x, for all q, one rotation r at a time.
#for r in 0..LANES
#for q in V0..V1
#if r > 0
        let turned${r}_${q - V0} = subgroupShuffle(x${q - V0}, turn${r});
#endif
#endfor
#for k in 0..TAP_W
#if (k - PAD_X - r) % LANES == 0
#for o in 0..ROWS
        let tap${k}_${o} = subgroupBroadcast(w${o}_${k / LANES}, ${k % LANES}u);
#endfor
#endif
#endfor
#for q in V0 - (r > 0)..V1
#if r == 0
        let z${r}_${q - V0 + 1} = x${q - V0};
#elif q < V0
        let z${r}_${q - V0 + 1} = select(0.0, turned${r}_0, wraps${r});
#elif q == V1 - 1
        let z${r}_${q - V0 + 1} = select(turned${r}_${q - V0}, 0.0, wraps${r});
#else
        let z${r}_${q - V0 + 1} = select(turned${r}_${q - V0}, turned${r}_${q - V0 + 1}, wraps${r});
#endif
#for m in 0..VECTORS
#if LANES * (q - m) + r + PAD_X >= 0 && LANES * (q - m) + r + PAD_X < TAP_W
#for o in 0..ROWS
        a${o}_${m} = fma(tap${LANES * (q - m) + r + PAD_X}_${o}, z${r}_${q - V0 + 1}, a${o}_${m});
#endfor
#endif
#endfor
#endfor
#endfor
#for r in 1..ROWS
#for v in 0..ceildiv(TAP_W, LANES)
        w${ROWS - r}_${v} = w${ROWS - r - 1}_${v};
#endfor
#endfor
      }
    }
  }
#for r in 0..ROWS
#for m in 0..VECTORS
  store(batch, c, oy + ${r}, column0 + ${m * LANES} + lane, a${r}_${m});
#endfor
#endfor
#if MODE == weight && DBIAS
  if (has_extras) {
    let share = bias_share(batch, c, lane);
    var total = 0.0;
#for i in 0..LANES
    total += subgroupBroadcast(share, ${i}u);
#endfor
    if (lane == 0) {
      finish_bias(batch, c, total);
    }
  }
#endif
}
