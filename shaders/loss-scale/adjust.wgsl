// used ← scale. Squares not finite: scale ← scale · BACKOFF, good ← 0, skipped ← skipped + 1. Otherwise good ← good + 1, and after
// INTERVAL good steps scale ← scale · GROWTH, good ← 0. One invocation.
#param GROWTH: f32 // of the scale after INTERVAL good steps
#param BACKOFF: f32 // of the scale after a bad one
#param INTERVAL: f32 // steps
#import loss-scale/scaler.wgsl

#bind read squares: array<f32> // (1)
#bind read_write scaler: Scaler

@compute @workgroup_size(1)
fn main() {
  scaler.used = scaler.scale;
  // An all-ones exponent; comparing values would let a compiler assume that there are no NaNs.
  if ((bitcast<u32>(load_squares(0)) & 0x7f800000u) == 0x7f800000u) {
    scaler.scale *= ${BACKOFF};
    scaler.good = 0.0;
    scaler.skipped += 1.0;
  } else if (scaler.good + 1.0 < ${INTERVAL}) {
    scaler.good += 1.0;
  } else {
    scaler.scale *= ${GROWTH};
    scaler.good = 0.0;
  }
}
