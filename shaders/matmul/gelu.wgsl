// gelu and its derivative of four elements: exact, or as exact as results in 16 bits show.
#if READ == narrow
// Matrix units leave their epilogue little time. With a = |x|, log₂ of the tail Φ(−a) is nearly a polynomial, so one exponential does:
//   gelu(x)  = max(x, 0) − a Φ(−a)             Φ(−a) = 2^P(−a)
//   gelu'(x) = 1 − D(a) for x > 0, else D(a)   D(a) = Φ(−a) − a φ(a) = (ZERO − a) 2^Q(SCALE a)
// P and Q are minimax fits (test/golden/ops/gelu.py); SCALE makes Q's first coefficient −1. Results are off by 0.006 and 0.042 units
// of the last place of f16 at most; where D is below 2⁻¹⁷, past a = 5, by 2⁻³³ at most.
// Four elements go side by side, and −|x| comes of two values: otherwise RADV keeps each polynomial next to its argument, all in odd
// registers or all in even ones, and RDNA 3 issues two operations at once only to one of either.

fn gelu_quad(x: vec4f) -> vec4f {
  let positive = max(x, vec4f());
  let a = fma(positive, vec4f(-2.0), x); // −|x|
  var p = fma(vec4f(1.16831162e-6), a, vec4f(5.14088332e-5));
  p = fma(p, a, vec4f(8.70061644e-4));
  p = fma(p, a, vec4f(8.33266153e-3));
  p = fma(p, a, vec4f(5.37043685e-2));
  p = fma(p, a, vec4f(-4.58637698e-1));
  p = fma(p, a, vec4f(1.15120841));
  p = fma(p, a, vec4f(-9.99996935e-1));
  return fma(a, exp2(p), positive);
}

const SCALE = 0.183906817;
const ZERO = 0.751791525;

fn derivative_quad(x: vec4f) -> vec4f {
  let step = saturate(x * 0x1p30); // 1 for x > 0, which is 2⁻²⁴ at least, else 0
  let sign = fma(step, vec4f(2.0 * SCALE), vec4f(-SCALE));
  let a = x * sign;
  let from_zero = fma(sign, vec4f(-ZERO / SCALE), x);
  var q = 4.58068408 - a;
  q = fma(q, a, vec4f(-9.12823199));
  q = fma(q, a, vec4f(10.60651));
  q = fma(q, a, vec4f(-8.22843397));
  q = fma(q, a, vec4f(-16.648815));
  q = fma(q, a, vec4f(-2.08034402));
  q = fma(q, a, vec4f(-0.588428978));
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
