"""torch.nn.functional.conv2d with groups = c, its output and gradients in float64 -> depthwise.json

Data are sin(0.7 i + phase), rounded to float32, so that only the results are stored. dweight holds the taps that meet data;
that all others are exactly zero is asserted here.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F


def wave(shape, phase):
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(i * 0.7 + phase).float().double().reshape(shape)


def case(n, c, h, w, kh, kw):
    x = wave((n, c, h, w), 0.1).requires_grad_()
    weight = wave((c, 1, kh, kw), 0.2).requires_grad_()
    bias = wave((c,), 0.3).requires_grad_()
    y = F.conv2d(x, weight, bias, padding=(kh // 2, kw // 2), groups=c)
    y.backward(wave(y.shape, 0.4))
    lh, lw = min(kh, 2 * h - 1), min(kw, 2 * w - 1)
    top, left = (kh - lh) // 2, (kw - lw) // 2
    live = weight.grad[:, 0, top : top + lh, left : left + lw]
    assert weight.grad.count_nonzero() == live.count_nonzero()
    flat = lambda t: [float(f"{v:.12g}") for v in t.detach().flatten().tolist()]
    return dict(shape=[n, c, h, w, kh, kw], y=flat(y), dx=flat(x.grad), dweight=flat(live), dbias=flat(bias.grad))


shapes = [(2, 2, 4, 5, 3, 3), (1, 2, 5, 6, 7, 7), (1, 2, 6, 4, 13, 13), (2, 1, 3, 5, 31, 31), (1, 2, 4, 3, 51, 51), (1, 1, 4, 9, 51, 5)]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("[\n" + ",\n".join(json.dumps(case(*shape)) for shape in shapes) + "\n]\n")
