    // Statements: sums += a_tile · b_tile, UNROLL steps at a time.
    workgroupBarrier();
#if LANES_M > 1
    for (var step = 0u; step < ${DEPTH}u; step += ${UNROLL}u) {
#else
    {
      const step = 0u;
#endif
#for u in 0..UNROLL
#if LANES_M > 1
      let b${u} = b_tile[(step + ${u}u) * ${LANES_N}u + lane_n];
#else
      let b${u} = fill${u};
#endif
#for q in 0..ROWS / 4
      let a${u}_${q} = a_tile[(step + ${u}u) * ${ROWS * LANES_M / 4}u + lane_m * ${ROWS / 4}u + ${q}u];
      sum${4 * q} = fma(vec4f(a${u}_${q}.x), b${u}, sum${4 * q});
      sum${4 * q + 1} = fma(vec4f(a${u}_${q}.y), b${u}, sum${4 * q + 1});
      sum${4 * q + 2} = fma(vec4f(a${u}_${q}.z), b${u}, sum${4 * q + 2});
      sum${4 * q + 3} = fma(vec4f(a${u}_${q}.w), b${u}, sum${4 * q + 3});
#endfor
#endfor
    }
    workgroupBarrier();
