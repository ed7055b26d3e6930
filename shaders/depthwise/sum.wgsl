// One output of a depthwise correlation as a plain sum over the taps that meet data.
fn plain(batch: i32, c: i32, oy: i32, ox: i32) {
  let row = oy - ${PAD_Y};
  let column = ox - ${PAD_X};
  var sum = 0.0;
  for (var image = batch * ${BATCH_IMAGES}; image < min((batch + 1) * ${BATCH_IMAGES}, ${N}); image++) {
    let plane = (image * ${CHANNELS} + c) * ${IN_H * IN_W};
    let tap0 = first_tap(image, c);
    for (var ky = max(0, -row); ky < min(${TAP_H}, ${IN_H} - row); ky++) {
      let at = tap_row(tap0, ky);
      let source = plane + (row + ky) * ${IN_W} + column;
      for (var kx = max(0, -column); kx < min(${TAP_W}, ${IN_W} - column); kx++) {
#if MODE == input
        sum += load_taps(u32(at - kx)) * load_x(u32(source + kx));
#else
        sum += load_taps(u32(at + kx)) * load_x(u32(source + kx));
#endif
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
