"""Prints the coefficients of shaders/matmul/gelu.wgsl: minimax fits by Lawson's algorithm (weighted least squares, reweighted)."""
import math
import numpy as np

tail = np.vectorize(lambda a: math.erfc(a / math.sqrt(2)) / 2)  # Φ(−a)
difference = lambda a: tail(a) - a * np.exp(-a * a / 2) / math.sqrt(2 * math.pi)  # D(a) = Φ(−a) − a φ(a)


def fit(y, a, degree, weight, rounds):
    """Coefficients in a, lowest first, of the polynomial with the least largest weight |error|, and that error."""
    basis = np.polynomial.chebyshev.chebvander(2 * a / a[-1] - 1, degree)
    share, best = np.ones_like(a), (math.inf, None)
    for _ in range(rounds):
        scale = np.sqrt(share) * weight
        c = np.linalg.lstsq(basis * scale[:, None], y * scale, rcond=None)[0]
        error = np.abs(basis @ c - y) * weight
        best = min(best, (error.max(), c), key=lambda pair: pair[0])
        share *= error + 1e-300
        share /= share.sum()
    series = np.polynomial.chebyshev.Chebyshev(best[1], domain=[0, a[-1]])
    return series.convert(kind=np.polynomial.Polynomial, domain=[-1, 1], window=[-1, 1]).coef, best[0]


def nodes(end):
    return end * (1 - np.cos(np.linspace(0, np.pi, 4001))) / 2


# gelu: past 4.2 results are subnormal in f16, and their errors absolute.
a = nodes(5.8)
weight = np.where(a < 4.2, 1, np.maximum(a * tail(a) / 6.1e-5, 1e-3))
p, error = fit(np.log2(tail(a)), a, 7, weight, 600)
print("P", [f"{c * (-1) ** i:.9g}" for i, c in enumerate(p)], f"2^{math.log2(error * math.log(2)):.1f} of the tail")

# gelu': past 5, where it is below 1e-5 and falling, less and less of the error is relative.
low, high = 0.7, 0.8
for _ in range(100):
    low, high = ((low + high) / 2, high) if difference(np.float64((low + high) / 2)) > 0 else (low, (low + high) / 2)
a = nodes(6.5)
a = a[np.abs(a - low) > 1e-3]
weight = np.where(a < 4, 1, np.minimum(1, np.abs(difference(a) / difference(5.0)) ** 0.75))
q, error = fit(np.log2(difference(a) / (low - a)), a, 7, weight, 800)
scale = (-q[-1]) ** (1 / 7)
print("ZERO", f"{low:.9g}", "SCALE", f"{scale:.9g}")
print("Q", [f"{c / scale**i:.9g}" for i, c in enumerate(q)], f"2^{math.log2(error * math.log(2)):.1f} of D")
