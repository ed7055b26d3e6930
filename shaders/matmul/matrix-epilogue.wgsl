// The last part of main in matmul/matrix.wgsl: adds up the lanes' column sums, then stores the subgroups' sums strip by strip. Loads
// that an epilogue needs are issued before the barrier that the strip waits at.
#if bound(sums)
#if TURN
#for t in 0..ceildiv(WA * RA * DEPTH, LANES)
  all_sums[block_a${t}] = lane_sums${t};
#endfor
#else
  all_sums[local] = lane_sums0;
#endif
  workgroupBarrier();
  if (group.x == 0u && local < ${4 * WA * RA}u) {
    var total = vec4f();
    for (var i = 0u; i < SHARERS; i++) {
      total += all_sums[${TURN ? DEPTH / 4 : 1}u * local + i * ${TURN ? 1 : 4 * WA * RA}u];
    }
#for i in 0..4
    if (first_a + local * 4u + ${i}u < ${M}u) {
      let at = matrix * ${M}u + first_a + local * 4u + ${i}u;
      accumulate_sums(at, total[${i}]);
    }
#endfor
  }
#endif
  let own = subgroup * 16u * stride_sums;
  let lane = local % ${LANES / (WA * WB)}u;
#for r in 0..RA
#for e in 0..RB / STRIP
  {
    let top = first_a + row + ${r * 16}u;
    let left = first_b + col + ${e * STRIP * COLS}u;
#if EPILOGUE == gelu_gradient
#for t in 0..4 * COLS * STRIP * WA * WB / LANES
    let i${t} = top + (lane + ${t * LANES / (WA * WB)}u) / ${COLS * STRIP / 4}u;
    let j${t} = left + (lane + ${t * LANES / (WA * WB)}u) % ${COLS * STRIP / 4}u * 4u;
    let before${t} = h_at(i${t}, j${t});
#endfor
#endif
#for c in 0..STRIP
    subgroupMatrixStore<row_major>(&strip, own + ${c * COLS}u, sum${r}_${e * STRIP + c}, stride_sums);
#endfor
    workgroupBarrier();
#if QUADS
    for (var t = 0u; t < ${ceildiv(COLS * STRIP * WA * WB, LANES)}u; t++) {
      let block = lane + t * ${LANES / (WA * WB)}u;
#if COLS * STRIP % (LANES / (WA * WB)) != 0
      if (block >= ${COLS * STRIP}u) {
        break;
      }
#endif
      let i = block % 4u * 4u;
      let j = block / 4u * 4u;
      let at = own + i * stride_sums + j;
      store_quad(top + i, left + j, array(
#for i in 0..4
        vec4f(strip[at + ${i}u * stride_sums], strip[at + ${i}u * stride_sums + 1u], strip[at + ${i}u * stride_sums + 2u], strip[at + ${i}u * stride_sums + 3u]),
#endfor
      ));
    }
#elif EPILOGUE == gelu_gradient
#for t in 0..4 * COLS * STRIP * WA * WB / LANES
#if EVEN
    {
#else
    if (i${t} < ${M}u && j${t} < ${N}u) {
#endif
      let at = own + (i${t} - top) * stride_sums + j${t} - left;
      store_with(matrix, i${t}, j${t}, vec4f(strip[at], strip[at + 1u], strip[at + 2u], strip[at + 3u]), before${t});
    }
#endfor
#else
    for (var t = 0u; t < ${4 * COLS * STRIP * WA * WB / LANES}u; t++) {
      let quad = lane + t * ${LANES / (WA * WB)}u;
      let i = quad / ${COLS * STRIP / 4}u;
      let j = quad % ${COLS * STRIP / 4}u * 4u;
      let at = own + i * stride_sums + j;
      let sums = vec4f(strip[at], strip[at + 1u], strip[at + 2u], strip[at + 3u]);
#if EVEN
      store_with(matrix, top + i, left + j, sums, vec4f());
#else
      store(matrix, top + i, left + j, sums);
#endif
    }
#endif
    workgroupBarrier();
  }
#endfor
#endfor
