// norm = √squares · gradient_scale. Not finite: apply ← 0; otherwise, where max_norm > 0,
// gradient_scale ← gradient_scale · min(1, max_norm / (norm + 1e-6)). With SCALED the gradient carries a loss scale, which
// gradient_scale is first divided by, and apply ← −1 where it is not finite. One invocation.
#param SCALED 1: binding 2 is the scaler of the loss
#import optimizer/scalars.wgsl
#if SCALED
#import loss-scale/scaler.wgsl

@group(0) @binding(2) var<storage, read> scaler: Scaler;
#endif

@group(0) @binding(0) var<storage, read> squares: array<f32>;
@group(0) @binding(1) var<storage, read_write> scalars: Scalars;

@compute @workgroup_size(1)
fn main() {
#if SCALED
  scalars.gradient_scale /= scaler.scale;
#endif
  // An all-ones exponent; comparing values would let a compiler assume that there are no NaNs.
  if ((bitcast<u32>(squares[0]) & 0x7f800000u) == 0x7f800000u) {
    scalars.apply = ${SCALED ? -1 : 0};
  } else if (scalars.max_norm > 0.0) {
    let norm = sqrt(squares[0]) * scalars.gradient_scale;
    scalars.gradient_scale *= min(1.0, scalars.max_norm / (norm + 1e-6));
  }
}
