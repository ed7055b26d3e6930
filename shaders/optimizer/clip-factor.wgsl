// norm = √squares · gradient_scale. Not finite: apply ← 0; otherwise, where max_norm > 0,
// gradient_scale ← gradient_scale · min(1, max_norm / (norm + 1e-6)). With `scaler` the gradient carries a loss scale: gradient_scale
// is first divided by it, apply ← −1 if the norm is not finite, and AdamW's bias corrections leave out skipped steps. One invocation.
#import optimizer/scalars.wgsl
#import loss-scale/scaler.wgsl

#bind read squares: array<f32> // (1)
#bind read_write scalars: Scalars
#bind read scaler?: Scaler

#if bound(scaler)
// 1 − exp(x) for x < 0, by its series where the difference would lose digits.
fn one_minus_exp(x: f32) -> f32 {
  var series = 1.0;
#for i in 0..7
  series = fma(x / ${8 - i}.0, series, 1.0);
#endfor
  return select(-x * series, 1.0 - exp(x), x < -0.5);
}
#endif

@compute @workgroup_size(1)
fn main() {
#if bound(scaler)
  scalars.gradient_scale /= scaler.scale;
  if (scaler.skipped > 0.0) {
    let taken = scalars.step - scaler.skipped;
    scalars.step_size = scalars.lr / one_minus_exp(taken * scalars.log_beta1);
    scalars.root_correction = inverseSqrt(one_minus_exp(taken * scalars.log_beta2));
  }
#endif
  // An all-ones exponent; comparing values would let a compiler assume that there are no NaNs.
  if ((bitcast<u32>(load_squares(0)) & 0x7f800000u) == 0x7f800000u) {
    scalars.apply = ${bound(scaler) ? -1 : 0};
  } else if (scalars.max_norm > 0.0) {
    let norm = sqrt(load_squares(0)) * scalars.gradient_scale;
    scalars.gradient_scale *= min(1.0, scalars.max_norm / (norm + 1e-6));
  }
}
