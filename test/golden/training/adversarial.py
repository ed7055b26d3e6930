"""Adversarial training of the tiny ConvNeXts of make.py in PyTorch, for test/training/adversarial.test.ts.

    python test/golden/training/adversarial.py          (PyTorch 2.13, CPU; writes adversarial.json beside itself)

PGD in pixels of [0, 1], the model in evaluation mode meanwhile; the random start is Threefry-2x32 as in src/util/rng.ts, from NumPy.
"""
import json, math, os
import numpy as np
import torch
import torch.nn.functional as F
from make import BATCH, HERE, MEAN, STD, STEPS_TOTAL, ConvNeXt, idx

STEPS = 4
np.seterr(over='ignore')
U = np.uint32


def threefry(k0, k1, c0, c1):
    k0, k1, c0, c1 = (np.asarray(v).astype(U) for v in (k0, k1, c0, c1))
    keys = [k0, k1, k0 ^ k1 ^ U(0x1BD11BDA)]
    x0, x1 = c0 + keys[0], c1 + keys[1]
    for group in range(5):
        for r in ([13, 15, 26, 6], [17, 29, 16, 24])[group % 2]:
            x0 = x0 + x1
            x1 = ((x1 << U(r)) | (x1 >> U(32 - r))) ^ x0
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + U(group + 1)
    return x0, x1


def stream_id(name):
    h = 0x811C9DC5
    for ch in name.encode():
        h = ((h ^ ch) * 0x01000193) & 0xFFFFFFFF
    return h


def random_start(seed, first, shape):
    n, per = shape[0], int(np.prod(shape[1:]))
    a, b = threefry(seed, 0, stream_id('adversarial'), 0x6C6B)
    out = np.empty((n, per))
    for i in range(n):
        k0, k1 = threefry(a, b, first + i, 0)
        bits, _ = threefry(k0, k1, np.arange(per), 0)
        out[i] = (bits >> U(8)) / 2**24
    return torch.from_numpy(2 * out - 1).float().reshape(shape)


def attack(model, pixels, labels, eps, steps, start, first):
    step = 1.25 * eps if steps == 1 else 2.5 * eps / steps
    model.eval()
    x = pixels.clone()
    if start:
        x = (pixels + eps * random_start(0, first, pixels.shape)).clamp(0, 1)
    for _ in range(steps):
        x.requires_grad_(True)
        loss = F.cross_entropy(model((x - MEAN) / STD), labels, label_smoothing=0.1, reduction='sum')
        (dx,) = torch.autograd.grad(loss, x)
        x = (x.detach() + step * dx.sign())
        x = torch.minimum(torch.maximum(x, pixels - eps), pixels + eps).clamp(0, 1)
    return x.detach()


def run(slak, eps, steps, start):
    torch.manual_seed(7)
    model = ConvNeXt(slak)
    images, labels = idx('train-images-idx3-ubyte.gz'), idx('train-labels-idx1-ubyte.gz')
    pick = [i * len(images) // 64 for i in range(64)]
    x = torch.from_numpy(images[pick].astype(np.float32) / 255)[:, None].expand(-1, 3, -1, -1).contiguous()
    t = torch.from_numpy(labels[pick].astype(np.int64))
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    opt = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.05}, {'params': rest, 'weight_decay': 0}], lr=4e-3, eps=1e-8)
    losses, norms = [], []
    warm, low, high = 3, 1e-6, 4e-3
    for step in range(STEPS):
        lr = high * step / (warm - 1) if step < warm else low + 0.5 * (high - low) * (1 + math.cos(math.pi * (step - warm) / (STEPS_TOTAL - warm)))
        for g in opt.param_groups:
            g['lr'] = lr
        b = (step % 4) * BATCH
        adversarial = attack(model, x[b:b + BATCH], t[b:b + BATCH], eps, steps, start, step * BATCH)
        model.train()
        loss = F.cross_entropy(model((adversarial - MEAN) / STD), t[b:b + BATCH], label_smoothing=0.1)
        opt.zero_grad()
        loss.backward()
        losses.append(loss.item())
        norms.append(float(torch.sqrt(sum((p.grad.double() ** 2).sum() for p in model.parameters()))))
        opt.step()
    sums = {k: [float(v.double().sum()), float(v.double().abs().sum())] for k, v in model.state_dict().items() if v.is_floating_point()}
    return {'losses': losses, 'gradNorms': norms, 'state': sums}


if __name__ == '__main__':
    with open(os.path.join(HERE, 'adversarial.json'), 'w') as f:
        json.dump({
            'program': f'torch {torch.__version__}',
            'fast': run(False, 0.05, 1, True),
            'pgd': run(True, 0.05, 3, False),
        }, f)
