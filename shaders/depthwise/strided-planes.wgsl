// Depthwise correlation with strides for processors, where whole planes are small: a lane makes all outputs of one plane, neighbouring lanes
// those of neighbouring channels. Every element of x and every tap is loaded once, and pairs with padding are known when the shader is
// expanded; nothing is shared, so that there is no barrier and no shuffle.
#import depthwise/strided-maps.wgsl
#param FULL_H: int // rows that every plane of x has
#param FULL_W: int // columns that every plane of x has

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let g = i32((group.x + group.y * groups.x) * ${LANES}u + local);
  if (g >= GROUPS) {
    return;
  }
  let c = g % ${CHANNELS};
  let batch = g / ${CHANNELS};
#for p in 0..OUT_H
#for q in 0..OUT_W
  var a${p}_${q} = 0.0;
#endfor
#endfor
  for (var image = batch * ${BATCH_IMAGES}; image < min((batch + 1) * ${BATCH_IMAGES}, ${N}); image++) {
    // The bound that TERMS never reaches keeps compilers from unrolling this loop, which would cost seconds.
    for (var term = 0; term < min(TERMS, i32(groups.z) * 65536); term++) {
      let map = map_of(image, c, term);
      let source = taps_of(image, c, term);
#if MODE != weight
      // Tap (FIRST_Y, FIRST_X) of this phase.
      let corner = source.first + dot(FIRST * STRIDE + source.phase + PADDING, vec2i(${KERNEL_W}, 1));
#endif
#for i in 0..IN_H
#for j in 0..IN_W
#if i < FULL_H && j < FULL_W
      let x${i}_${j} = load_x(u32(map.first + ${i} * ROW_STEP + ${j} * COLUMN_STEP));
#else
      let inside${i}_${j} = map.rows > ${i} && map.columns > ${j};
      let x${i}_${j} = select(0.0, load_x(u32(map.first + select(0, ${i} * ROW_STEP + ${j} * COLUMN_STEP, inside${i}_${j}))), inside${i}_${j});
#endif
#endfor
#endfor
#for k in 0..TAP_H
#for l in 0..TAP_W
#if MODE == weight
      let w${k}_${l} = tap_at(source, ${k}, ${l});
#elif ((FIRST_Y + (MODE == input ? TAP_H - 1 - k : k)) * STRIDE_Y + PADDING_Y >= 0 && (FIRST_Y + (MODE == input ? TAP_H - 1 - k : k) + 1) * STRIDE_Y + PADDING_Y <= KERNEL_H) && ((FIRST_X + (MODE == input ? TAP_W - 1 - l : l)) * STRIDE_X + PADDING_X >= 0 && (FIRST_X + (MODE == input ? TAP_W - 1 - l : l) + 1) * STRIDE_X + PADDING_X <= KERNEL_W)
      let w${k}_${l} = load_taps(u32(corner + ${(MODE == input ? TAP_H - 1 - k : k) * STRIDE_Y * KERNEL_W + (MODE == input ? TAP_W - 1 - l : l) * STRIDE_X}));
#else
      let w${k}_${l} = tap_at(source, ${k}, ${l});
#endif
#endfor
#endfor
#for p in 0..OUT_H
#for k in 0..TAP_H
#if p + k >= PAD_Y && p + k - PAD_Y < IN_H
#for l in 0..TAP_W
#for q in 0..OUT_W
#if q + l >= PAD_X && q + l - PAD_X < IN_W
      a${p}_${q} = fma(w${k}_${l}, x${p + k - PAD_Y}_${q + l - PAD_X}, a${p}_${q});
#endif
#endfor
#endfor
#endif
#endfor
#endfor
    }
  }
#for p in 0..OUT_H
#for q in 0..OUT_W
  store(batch, c, ${p}, ${q}, a${p}_${q});
#endfor
#endfor
#if MODE == weight
  clear_dead_from(c, 0, 1);
#endif
}
