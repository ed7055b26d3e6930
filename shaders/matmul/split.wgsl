// Inside main: the steps [begin, end) of this workgroup.
#if SPLIT_K > 1
  let begin = matrix * SPLIT_STEPS;
  let end = min(begin + SPLIT_STEPS, ALL_STEPS);
#else
  let begin = 0u;
  let end = ALL_STEPS;
#endif
