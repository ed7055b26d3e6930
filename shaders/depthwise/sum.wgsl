// One output of a depthwise correlation as a plain sum over the taps that meet data.
fn plain(batch: i32, c: i32, oy: i32, ox: i32) {
  let row = oy - ${PAD_Y};
  let column = ox - ${PAD_X};
  var sum = 0.0;
  for (var image = batch * ${BATCH_IMAGES}; image < min((batch + 1) * ${BATCH_IMAGES}, ${N}); image++) {
    for (var term = 0; term < TERMS; term++) {
      let map = map_of(image, c, term);
      let taps = taps_of(image, c, term);
      for (var ky = max(0, -row); ky < min(${TAP_H}, map.rows - row); ky++) {
        let source = map.first + (row + ky) * ROW_STEP + column * COLUMN_STEP;
        for (var kx = max(0, -column); kx < min(${TAP_W}, map.columns - column); kx++) {
          sum += tap_at(taps, ky, kx) * load_x(u32(source + kx * COLUMN_STEP));
        }
      }
    }
  }
  store(batch, c, oy, ox, sum);
}

#if MODE == weight && DBIAS
fn plain_bias(batch: i32, c: i32) {
  var total = 0.0;
  for (var i = 0; i < ${LANES}; i++) {
    total += bias_share(batch, c, i);
  }
  finish_bias(batch, c, total);
}
#endif
