"""Goldens of the convolution, BatchNorm, pooling, cross-entropy and optimiser tests, by PyTorch in float64.

Run: python dense.py > dense.json
"""

import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, phase):
    """Reproducible data without a generator: sin(0.7 i + phase), rounded to float32."""
    count = math.prod(shape)
    return torch.sin(torch.arange(count) * 0.7 + phase).float().double().reshape(shape)


def flat(tensor):
    return [round(v, 9) for v in tensor.detach().flatten().tolist()]


def conv(n, ci, h, w, co, kh, kw, stride, padding, groups, bias=True):
    x = wave((n, ci, h, w), 0.1).requires_grad_()
    weight = wave((co, ci // groups, kh, kw), 0.2).requires_grad_()
    b = wave((co,), 0.3).requires_grad_() if bias else None
    y = F.conv2d(x, weight, b, stride, padding, 1, groups)
    y.backward(wave(y.shape, 0.4))
    return {
        "x": list(x.shape), "weight": list(weight.shape), "bias": bias,
        "stride": list(stride), "padding": list(padding), "groups": groups,
        "y": flat(y), "dx": flat(x.grad), "dweight": flat(weight.grad), "dbias": flat(b.grad) if bias else None,
    }


def batch_norm(n, c, h, w, training):
    x = (wave((n, c, h, w), 0.1) + 2).requires_grad_()
    weight = wave((c,), 0.2).requires_grad_()
    bias = wave((c,), 0.3).requires_grad_()
    mean, var = wave((c,), 0.5), wave((c,), 0.6) + 1.5
    y = F.batch_norm(x, mean, var, weight, bias, training, 0.1, 1e-5)
    y.backward(wave(y.shape, 0.4))
    return {
        "x": [n, c, h, w], "training": training, "y": flat(y), "runningMean": flat(mean), "runningVar": flat(var),
        "dx": flat(x.grad), "dweight": flat(weight.grad), "dbias": flat(bias.grad),
    }


def group_norm(n, c, h, w, groups, relu):
    x = (wave((n, c, h, w), 0.1) + 2).requires_grad_()
    weight = wave((c,), 0.2).requires_grad_()
    bias = wave((c,), 0.3).requires_grad_()
    y = F.group_norm(x, groups, weight, bias, 1e-5)
    if relu:
        y = F.relu(y)
    y.backward(wave(y.shape, 0.4))
    return {
        "x": [n, c, h, w], "groups": groups, "relu": relu, "y": flat(y),
        "dx": flat(x.grad), "dweight": flat(weight.grad), "dbias": flat(bias.grad),
    }


def standardize(shape, eps):
    """google-research/big_transfer: bit_pytorch/models.py, StdConv2d."""
    w = wave(shape, 0.1).requires_grad_()
    v, m = torch.var_mean(w, dim=[1, 2, 3], keepdim=True, unbiased=False)
    y = (w - m) / torch.sqrt(v + eps)
    y.backward(wave(shape, 0.4))
    return {"weight": list(shape), "eps": eps, "y": flat(y), "dweight": flat(w.grad)}


def max_pool(n, c, h, w, kernel, stride, padding, zero):
    # Few distinct values: many ties.
    x = torch.round(2 * wave((n, c, h, w), 0.1)).requires_grad_()
    if zero:
        y = F.max_pool2d(F.pad(x, (padding,) * 4), kernel, stride)
    else:
        y = F.max_pool2d(x, kernel, stride, padding)
    y.backward(wave(y.shape, 0.4))
    return {
        "x": [n, c, h, w], "kernel": kernel, "stride": stride, "padding": padding, "zeroPadding": zero,
        "y": flat(y), "dx": flat(x.grad),
    }


def average_pool(n, c, h, w, kernel, stride, padding):
    x = wave((n, c, h, w), 0.1).requires_grad_()
    y = F.avg_pool2d(x, kernel, stride, padding)
    y.backward(wave(y.shape, 0.4))
    return {"x": [n, c, h, w], "kernel": kernel, "stride": stride, "padding": padding, "y": flat(y), "dx": flat(x.grad)}


def cross_entropy(n, k):
    logits = (5 * wave((n, k), 0.1)).requires_grad_()
    targets = torch.softmax(3 * wave((n, k), 0.2), 1).float().double()
    loss = F.cross_entropy(logits, targets, reduction="none")
    loss.backward(wave((n,), 0.4))
    return {"logits": [n, k], "loss": flat(loss), "dlogits": flat(logits.grad), "targets": flat(targets)}


def optimizer(make, steps):
    p = torch.nn.Parameter(wave((7,), 0.1))
    stepper = make([p])
    rows = []
    for t in range(steps):
        p.grad = wave((7,), 1.0 + t)
        stepper.step()
        rows.append(flat(p))
    return rows


print(json.dumps({
    "torch": torch.__version__,
    "conv2d": [
        conv(2, 3, 8, 12, 5, 4, 4, (4, 4), (0, 0), 1),
        conv(2, 4, 6, 8, 6, 2, 2, (2, 2), (0, 0), 1),
        conv(2, 3, 7, 8, 4, 3, 3, (2, 2), (1, 1), 1),
        conv(1, 3, 11, 10, 4, 7, 7, (2, 2), (3, 3), 1, bias=False),
        conv(2, 5, 5, 7, 3, 1, 1, (2, 2), (0, 0), 1),
        conv(2, 4, 6, 7, 4, 3, 3, (2, 2), (1, 1), 4),
        conv(2, 3, 7, 5, 6, 5, 3, (2, 1), (2, 1), 3),
        conv(1, 6, 5, 5, 4, 3, 3, (1, 2), (0, 2), 2),
        conv(1, 2, 9, 8, 4, 7, 7, (2, 2), (3, 3), 2),
        conv(2, 2, 5, 6, 4, 11, 11, (1, 1), (5, 5), 2, bias=False),
        conv(1, 2, 7, 7, 2, 11, 11, (2, 2), (5, 5), 2),
    ],
    "groupNorm": [group_norm(2, 6, 3, 5, 3, False), group_norm(3, 4, 2, 2, 2, True)],
    "standardize": [standardize((4, 3, 2, 2), 1e-10), standardize((3, 5, 1, 1), 1e-2)],
    "batchNorm": [batch_norm(3, 4, 3, 5, True), batch_norm(3, 4, 3, 5, False)],
    "maxPool": [
        max_pool(2, 2, 7, 8, 3, 2, 1, False),
        max_pool(2, 2, 8, 7, 3, 2, 1, True),
        max_pool(1, 2, 5, 6, 2, 1, 0, False),
    ],
    "averagePool": [average_pool(2, 2, 7, 8, 3, 2, 1), average_pool(1, 2, 6, 6, 2, 2, 0)],
    "crossEntropy": cross_entropy(3, 11),
    "adamw": optimizer(lambda p: torch.optim.AdamW(p, lr=4e-3, weight_decay=0.05), 3),
    "sgd": optimizer(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2), 3),
    "sgdNesterov": optimizer(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, nesterov=True), 3),
}))
