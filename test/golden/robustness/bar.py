"""Reference pixels of the corruptions of ImageNet-C-bar: `python bar.py > bar.json` (numpy, scipy).

Formulas of facebookresearch/augmentation-corruption, imagenet_c_bar/, on arrays and in double precision, with the portable generator of
portable.ts in place of NumPy's. Image: synth(56, 56).
"""
import json
import numpy as np
from scipy import fft, ndimage

SIZE = 56
CSV = {
    "blue_noise_sample": [0.8, 1.6, 2.4, 4.0, 5.6],
    "brownish_noise": [1, 2, 3, 4, 5],
    "caustic_refraction": [2.35, 3.2, 4.9, 6.6, 9.15],
    "checkerboard_cutout": [2, 3, 4, 5, 6],
    "cocentric_sine_waves": [3, 5, 8, 9, 10],
    "inverse_sparkles": [1, 2, 4, 9, 10],
    "perlin_noise": [4.6, 5.2, 5.8, 7.6, 8.8],
    "plasma_noise": [4.75, 7, 8.5, 9.25, 10],
    "single_frequency_greyscale": [1, 1.5, 2, 4.5, 5],
    "sparkles": [1, 2, 3, 5, 6],
}
M = 0xFFFFFFFF


class Draws:
    def __init__(self, seed):
        self.a = seed & M

    def u(self):
        self.a = (self.a + 0x6D2B79F5) & M
        t = self.a
        t = ((t ^ (t >> 15)) * (t | 1)) & M
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & M)) & M
        return ((t ^ (t >> 14)) & M) / 2**32

    def us(self, *shape):
        return np.array([self.u() for _ in range(int(np.prod(shape)))]).reshape(shape)

    def between(self, low, high):
        return low + (high - low) * self.u()

    def int(self, n):
        return int(n * self.u())

    def normals(self, n):
        return self.us(n, 12).sum(axis=1) - 6


def synth(h, w):
    y, x, c = np.meshgrid(np.arange(h), np.arange(w), np.arange(3), indexing="ij")
    wave = (x * (3 + c) + y * (5 - c)) // 4
    return (wave + 37 * c + 60 * ((x // 28 + y // 32 + c) % 3) + x * y // 97) % 256


Y, X = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")


def single_frequency_greyscale(x, s, d):
    a = d.between(-np.pi, np.pi)
    b = d.between(-abs(a), abs(a))
    fx, fy = (a, b) if d.int(2) == 0 else (b, a)
    phase = d.between(0, 2 * np.pi)
    return x + (s * 19.6 * np.sin(X * fx + Y * fy + phase))[..., None]


def cocentric_sine_waves(x, s, d):
    x0, y0 = d.between(0, SIZE), d.between(0, SIZE)
    f, amplitude, ring = d.between(0, 10), d.between(0, SIZE / 10), d.between(0, SIZE / 10)
    r = np.sqrt((X - x0) ** 2 + (Y - y0) ** 2) + np.sin(np.arctan2(X - x0, Y - y0) * f) * amplitude
    return x + (s * 12.8 * ((r % ring) / ring - 0.5))[..., None]


def plasma_noise(x, s, d):
    t, n, sharp, scale = d.between(0, 6 * np.pi), 4 + d.int(3), d.between(0.5, 1), d.between(0.075, 0.2) * SIZE
    u, v = X / scale, Y / scale
    for k in range(n):
        f, slow, damp = 1.93**k, 1.15**k, (2.25 - sharp) ** k
        r = np.stack([np.cos(v * f + t / slow), np.sin(u * f + t / slow)]) / damp
        u, v = u + r[0] - 0.3 * r[1], v + r[1] + 0.3 * r[0]
    noise = np.stack([np.sin(u - t), np.sin((u + v + np.sin(t)) / 2), np.sin(v + t)], axis=-1)
    return (1 - s * 6.4 / 255) * x + s * 6.4 * noise


def perlin_noise(x, s, d):
    g = np.array([[d.int(512) - 256, d.int(512) - 256] for _ in range(256)], dtype=float)
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    p = list(range(256))
    for i in range(255, -1, -1):
        j = d.int(256)
        p[i], p[j] = p[j], p[i]
    p = np.array(p * 2)

    def noise(a, b):
        i, j = np.floor(a).astype(int), np.floor(b).astype(int)
        fa, fb = a - i, b - j

        def corner(m, n):
            grad = g[p[p[(i + m) % 256] + (j + n) % 256]]
            return (fa - m) * grad[..., 0] + (fb - n) * grad[..., 1]

        wa, wb = fa**2 * (3 - 2 * fa), fb**2 * (3 - 2 * fb)
        low = corner(0, 0) * (1 - wa) + corner(1, 0) * wa
        high = corner(0, 1) * (1 - wa) + corner(1, 1) * wa
        return 1.5 * (low * (1 - wb) + high * wb)

    cell = 32 * SIZE / 224
    turbulence = sum(np.abs(noise(Y / cell * f, X / cell * f)) / f for f in (1, 2, 4, 8, 16))
    cloud = np.clip(0.5 * turbulence + 0.5, 0, 1)
    return (1 - s * 0.05) * x + (255 * s * 0.05 * cloud)[..., None]


def spectral(power, d):
    half = d.us(SIZE, SIZE // 2) * 2 * np.pi
    phases = np.concatenate([half, half[::-1, ::-1]], axis=1)
    noise = fft.ifft2(fft.ifftshift(power * np.exp(1j * phases))).real
    return noise / noise.std()


def brownish_noise(x, s, d):
    power = 1 / ((X - SIZE / 2) ** 2 + (Y - SIZE / 2) ** 2 + 1)
    return x + s * 6.4 * np.stack([spectral(power, d) for _ in range(3)], axis=-1)


def blue_noise_sample(x, s, d):
    return x * (spectral(np.hypot(X - SIZE / 2, Y - SIZE / 2), d) > s * 0.3 - 2.5)[..., None]


def checkerboard_cutout(x, s, d):
    angle, side = d.between(0, 2 * np.pi), max(d.between(0.1, 0.25) * SIZE, 1)
    n = int(4 * SIZE // side)
    chosen = d.us(n, n) < s / 10
    u = (np.cos(angle) * Y + np.sin(angle) * X) / side
    v = (-np.sin(angle) * Y + np.cos(angle) * X) / side
    cut = ((u % 2).astype(int) == (v % 2).astype(int)) & chosen[np.trunc(u).astype(int), np.trunc(v).astype(int)]
    return np.where(cut[..., None], 128, x)


def star(centre, lengths, exponent):
    dy, dx = Y - centre[0], X - centre[1]
    at = (np.arctan2(dx, dy) + np.pi) / (2 * np.pi) * len(lengths)
    i = at.astype(int)
    f = at - i
    left, right = lengths[i % len(lengths)], lengths[(i + 1) % len(lengths)]
    fall = ((left + f * (right - left)) ** 2 / (dy**2 + dx**2 + 1e-4)) ** exponent
    return np.clip((1 - (f - 0.5) ** 2) * fall, 0, 1)[..., None]


def sparkles(x, s, d):
    centres = [(d.between(0, SIZE), d.between(0, SIZE)) for _ in range(5)]
    rays = [50 + d.int(150) for _ in range(5)]
    radius = 0.01 * s * SIZE
    for centre, n in zip(centres, rays):
        light = star(centre, np.maximum(1, radius * (1 + 0.25 * d.normals(n))), 1)
        x = x + light * (255 - x)
    return x


def inverse_sparkles(x, s, d):
    centre = (d.between(0.25, 0.75) * SIZE, d.between(0.25, 0.75) * SIZE)
    n = 50 + d.int(150)
    return 255 + star(centre, 0.25 * SIZE * (1 + 0.25 * d.normals(n)), s * 6.5 / 50) * (x - 255)


def caustic_refraction(x, s, d):
    time, size = d.between(0.5, 2), d.between(0.75, 1.25) * SIZE
    p = np.stack([Y, X]) / size % 1 * 6.28318530718 - 250
    i, c = p, 1
    for n in range(1, 6):
        t = time * (1 - 3.5 / n)
        i = p + np.stack([np.cos(t - i[0]) + np.sin(t + i[1]), np.sin(t - i[1]) + np.cos(t + i[0])])
        c = c + 1 / np.hypot(p[0] * 0.005 / np.sin(i[0] + t), p[1] * 0.005 / np.cos(i[1] + t))
    caustic = ndimage.gaussian_filter(np.clip(np.abs(1.17 - (c / 5) ** 1.4) ** 8, 0, 1), 1)
    padded = np.pad(caustic, 1)
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    across = padded[1:-1, 2:] - padded[1:-1, :-2]
    normal = np.stack([down, across, np.ones_like(down)])
    normal /= np.linalg.norm(normal, axis=0)
    inward = np.arccos(normal[2])
    outward = np.arcsin(np.sin(inward) / 4)
    # The refracted ray lies in the plane of normal and ray, the difference of both angles from the normal's.
    flat = normal[2] >= 1 - 1e-3
    side = np.where(flat, 1, np.hypot(normal[0], normal[1]))
    along = np.where(flat, 0, np.sin(inward - outward))
    lens = s * 0.05 * SIZE
    row = Y + np.round(along * normal[0] / side * lens, 3)
    column = X + np.round(along * normal[1] / side * lens, 3)
    out = np.stack([sample(x[..., k] / 255, row, column) for k in range(3)], axis=-1)
    return 255 * np.clip(out + (s * 0.2 * (down - across))[..., None], 0, 1)


def sample(channel, row, column):
    far = np.pad(channel, SIZE)
    i, j = np.floor(row).astype(int), np.floor(column).astype(int)
    a, b = row - i, column - j
    at = lambda m, n: far[np.clip(i + m + SIZE, 0, 3 * SIZE - 1), np.clip(j + n + SIZE, 0, 3 * SIZE - 1)]
    return (at(0, 0) * (1 - a) + at(1, 0) * a) * (1 - b) + (at(0, 1) * (1 - a) + at(1, 1) * a) * b


def case(name, severity):
    x = synth(SIZE, SIZE).astype(float)
    out = globals()[name](x, CSV[name][severity - 1], Draws(900 + severity))
    data = np.floor(np.clip(out, 0, 255)).astype(int)
    return {
        "name": name,
        "severity": severity,
        "mean": [round(float(v), 6) for v in data.mean(axis=(0, 1))],
        "pixels": [[int(v) for v in data[y, x]] for y, x in POINTS],
    }


POINTS = [(y, x) for y in range(3, SIZE, 9) for x in range(1, SIZE, 11)]
if __name__ == "__main__":
    cases = [case(name, severity) for name in CSV for severity in (1, 3, 5)]
    print(json.dumps({"size": SIZE, "points_yx": POINTS, "cases": cases}))
