// norm = √squares · gradient_scale. Not finite: apply ← 0; otherwise, where max_norm > 0,
// gradient_scale ← gradient_scale · min(1, max_norm / (norm + 1e-6)). One invocation.
#import optimizer/scalars.wgsl

@group(0) @binding(0) var<storage, read> squares: array<f32>;
@group(0) @binding(1) var<storage, read_write> scalars: Scalars;

@compute @workgroup_size(1)
fn main() {
  // An all-ones exponent; comparing values would let a compiler assume that there are no NaNs.
  if ((bitcast<u32>(squares[0]) & 0x7f800000u) == 0x7f800000u) {
    scalars.apply = 0.0;
  } else if (scalars.max_norm > 0.0) {
    let norm = sqrt(squares[0]) * scalars.gradient_scale;
    scalars.gradient_scale *= min(1.0, scalars.max_norm / (norm + 1e-6));
  }
}
