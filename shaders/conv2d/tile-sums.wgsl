  // Statements: this invocation's place in the tile and its sums.
  let lane_n = local % ${LANES_N}u;
#if LANES_M > 1
  let lane_m = local / ${LANES_N}u;
#else
  let lane_m = 0u;
#endif
#for r in 0..ROWS
  var sum${r} = vec4f(0.0);
#endfor
