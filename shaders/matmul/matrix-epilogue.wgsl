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
#if !QUADS
  // This lane's quads of a strip: where they lie in it, and where those of the first strip belong. Where lanes fill whole rows, the
  // rows of all its quads are a constant apart.
#for t in 0..4 * COLS * STRIP * WA * WB / LANES
#if LANES / (WA * WB) % (COLS * STRIP / 4) == 0 && t > 0
  let down${t} = down0 + ${t * 16 * LANES / (4 * COLS * STRIP * WA * WB)}u;
  let across${t} = across0;
  let from${t} = from0 + ${t * 16 * LANES / (4 * COLS * STRIP * WA * WB)}u * stride_sums;
  let first${t} = first0 + ${t * 16 * LANES / (4 * COLS * STRIP * WA * WB) * N / (N % 4 == 0 ? 4 : 1)}u;
#else
  let down${t} = (lane + ${t * LANES / (WA * WB)}u) / ${COLS * STRIP / 4}u;
  let across${t} = (lane + ${t * LANES / (WA * WB)}u) % ${COLS * STRIP / 4}u * 4u;
  let from${t} = own + down${t} * stride_sums + across${t};
  let first${t} = place(matrix, first_a + row + down${t}, first_b + col + across${t});
#endif
#endfor
#endif
#for r in 0..RA
#for e in 0..RB / STRIP
  {
    let top = first_a + row + ${r * 16}u;
    let left = first_b + col + ${e * STRIP * COLS}u;
#if EPILOGUE == gelu_gradient
#for t in 0..4 * COLS * STRIP * WA * WB / LANES
#if EVEN
    let before${t} = load_h(first${t} + ${(16 * r * N + e * STRIP * COLS) / 4}u);
#else
    let before${t} = h_at(top + down${t}, left + across${t});
#endif
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
#else
#for t in 0..4 * COLS * STRIP * WA * WB / LANES
#if EVEN
    {
#else
    if (top + down${t} < ${M}u && left + across${t} < ${N}u) {
#endif
      let at = first${t} + ${(16 * r * N + e * STRIP * COLS) / (N % 4 == 0 ? 4 : 1)}u;
      let sums = vec4f(strip[from${t}], strip[from${t} + 1u], strip[from${t} + 2u], strip[from${t} + 3u]);
#if EPILOGUE == gelu_gradient
      store_with(at, top + down${t}, left + across${t}, sums, before${t});
#else
      store_with(at, top + down${t}, left + across${t}, sums, vec4f());
#endif
    }
#endfor
#endif
    workgroupBarrier();
  }
#endfor
#endfor
