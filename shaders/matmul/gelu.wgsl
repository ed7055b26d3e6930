// gelu and its derivative of four elements: exact, or as exact as a result in 16 bits can show.
#if READ == narrow
// Matrix units leave their epilogue little time. With a = |x|, log₂ of the tail Φ(−a) is nearly a polynomial, so one exponential does:
//   gelu(x)  = max(x, 0) − a Φ(−a)           Φ(−a) = 2^P(−a)
//   gelu'(x) = 1 − D(a) for x > 0, else D(a)   D(a) = Φ(−a) − a φ(a) = (A − a) 2^Q(SCALE a), A the zero of D
// P and Q are minimax fits by Lawson's algorithm (test/fixtures/gelu-fit.py); SCALE makes Q's first coefficient −1. Errors: gelu 0.006
// units in the last place of f16; gelu' 2⁻²² and, as far as it is negative, 2⁻¹⁸ of itself to x = −5 and 2⁻¹⁶ to −6, past which it is
// below 2⁻²³. Operations come in an order by which RDNA 3 can issue two at once: nothing else sets registers of two elements apart.

fn gelu_quad(x: vec4f) -> vec4f {
  let positive = max(x, vec4f());
  let a = fma(positive, vec4f(-2.0), x); // −|x|
  var p = fma(vec4f(1.16831166e-6), a, vec4f(5.14088315e-5));
  p = fma(p, a, vec4f(8.70061631e-4));
  p = fma(p, a, vec4f(8.33266135e-3));
  p = fma(p, a, vec4f(5.37043698e-2));
  p = fma(p, a, vec4f(-4.58637685e-1));
  p = fma(p, a, vec4f(1.15120840));
  p = fma(p, a, vec4f(-9.99996960e-1));
  return fma(a, exp2(p), positive);
}

const SCALE = 0.167552948;
const ZERO = 0.751791525;

fn derivative_quad(x: vec4f) -> vec4f {
  let step = saturate(x * 0x1p30); // 1 for x > 0, which is 2⁻²⁴ at least, else 0
  let sign = fma(step, vec4f(2.0 * SCALE), vec4f(-SCALE));
  let a = x * sign;
  let from_zero = fma(sign, vec4f(-ZERO / SCALE), x);
  var q = 5.74356747 - a;
  q = fma(q, a, vec4f(-14.8656034));
  q = fma(q, a, vec4f(23.1721382));
  q = fma(q, a, vec4f(-24.6391258));
  q = fma(q, a, vec4f(19.2776661));
  q = fma(q, a, vec4f(-11.7098761));
  q = fma(q, a, vec4f(-19.9694061));
  q = fma(q, a, vec4f(-2.28697324));
  q = fma(q, a, vec4f(-0.588405073));
  return fma(from_zero, exp2(q), step);
}
#else
#import common/gelu.wgsl

fn gelu_quad(x: vec4f) -> vec4f {
  return vec4f(gelu(x.x), gelu(x.y), gelu(x.z), gelu(x.w));
}

fn derivative_quad(x: vec4f) -> vec4f {
  return vec4f(gelu_derivative(x.x), gelu_derivative(x.y), gelu_derivative(x.z), gelu_derivative(x.w));
}
#endif
