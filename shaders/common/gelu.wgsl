// Exact GELU: y = x Φ(x). WGSL has no erf, so Φ comes from the complementary error function.
//
// erfc(a) = t·exp(−a² + P(t)), t = 1/(1 + a/2), a ≥ 0, with the Chebyshev fit of Numerical Recipes §6.2 (fractional error
// below 1.2e-7 everywhere). Working with erfc keeps the negative tail exact: Φ(x) = erfc(−x/√2)/2.

fn erfc_positive(a: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.5 * a);
  var p = 0.17087277;
  p = fma(p, t, -0.82215223);
  p = fma(p, t, 1.48851587);
  p = fma(p, t, -1.13520398);
  p = fma(p, t, 0.27886807);
  p = fma(p, t, -0.18628806);
  p = fma(p, t, 0.09678418);
  p = fma(p, t, 0.37409196);
  p = fma(p, t, 1.00002368);
  p = fma(p, t, -1.26551223);
  return t * exp(p - a * a);
}

// Φ(−|x|)
fn normal_tail(x: f32) -> f32 {
  return 0.5 * erfc_positive(abs(x) * 0.70710678118654752);
}

// x − x·tail for positive x: one rounding, where x·(1 − tail) would have two.
fn gelu(x: f32) -> f32 {
  let tail = normal_tail(x);
  return select(x * tail, fma(-x, tail, x), x >= 0.0);
}

// d/dx: Φ(x) + x φ(x)
fn gelu_derivative(x: f32) -> f32 {
  let tail = normal_tail(x);
  return select(tail, 1.0 - tail, x >= 0.0) + x * 0.39894228040143268 * exp(-0.5 * x * x);
}
