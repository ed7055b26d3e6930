// The maximum of a window and where it stands. Coordinates left of the map wrap to large unsigned numbers.
#param ZERO_PADDING: bool // padding is 0, else −∞
#import pool/shape.wgsl

struct Maximum {
  value: f32,
  at: u32,
}

const NOWHERE = 0xffffffffu;

// First maximum in row-major order of window (p, q) of a plane; `at` is NOWHERE for a zero of the padding.
fn window_maximum(plane: u32, p: u32, q: u32) -> Maximum {
  var best = Maximum(-3.4028234663852886e38, NOWHERE);
  var found = false;
  for (var i = 0u; i < KH; i++) {
    for (var j = 0u; j < KW; j++) {
      let row = p * SH + i - PH;
      let col = q * SW + j - PW;
      if (row < H && col < W) {
        let at = (plane * H + row) * W + col;
        let value = load_x(at);
        if (!found || value > best.value) {
          best = Maximum(value, at);
          found = true;
        }
      }
#if ZERO_PADDING
      else if (!found || 0.0 > best.value) {
        best = Maximum(0.0, NOWHERE);
        found = true;
      }
#endif
    }
  }
  return best;
}
