"""Ten AdamW steps of a tiny ConvNeXt in PyTorch, as golden numbers for test/training/pytorch.test.ts.

    python test/golden/training/make.py          (PyTorch 2.13, CPU; writes steps.json and two .safetensors beside itself)

The data are 64 training images of data/fashion-mnist at even distances, the batches are taken in order, nothing is drawn.
"""
import gzip, json, math, os, struct
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, '..', '..', '..', 'data', 'fashion-mnist')
MEAN, STD = 0.28604059, 0.35302424
CLASSES, BATCH, STEPS, EMA = 10, 16, 10, 0.9
DEPTHS, DIMS, KERNELS = [1, 2], [8, 12], [7, 9]


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvBn(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.conv = nn.Conv2d(c, c, k, padding=k // 2, groups=c, bias=False)
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x):
        return self.bn(self.conv(x))


class LargeKernel(nn.Module):
    def __init__(self, c, k, small):
        super().__init__()
        self.lkb_origin = ConvBn(c, k)
        self.small_conv = ConvBn(c, small)

    def forward(self, x):
        return self.lkb_origin(x) + self.small_conv(x)


class Block(nn.Module):
    def __init__(self, c, k, slak):
        super().__init__()
        if slak:
            self.large_kernel = LargeKernel(c, k, 5)
        else:
            self.dwconv = nn.Conv2d(c, c, k, padding=k // 2, groups=c)
        self.norm = nn.LayerNorm(c, eps=1e-6)
        self.pwconv1 = nn.Linear(c, 4 * c)
        self.pwconv2 = nn.Linear(4 * c, c)
        self.gamma = nn.Parameter(torch.full((c,), 0.1))

    def forward(self, x):
        y = self.large_kernel(x) if hasattr(self, 'large_kernel') else self.dwconv(x)
        y = self.norm(y.permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, slak):
        super().__init__()
        self.downsample_layers = nn.ModuleList([
            nn.Sequential(nn.Conv2d(3, DIMS[0], 7, 7), LayerNorm2d(DIMS[0], eps=1e-6)),
            nn.Sequential(LayerNorm2d(DIMS[0], eps=1e-6), nn.Conv2d(DIMS[0], DIMS[1], 2, 2)),
        ])
        self.stages = nn.ModuleList([nn.ModuleList([Block(DIMS[s], KERNELS[s], slak) for _ in range(DEPTHS[s])]) for s in range(2)])
        self.norm = nn.LayerNorm(DIMS[-1], eps=1e-6)
        self.head = nn.Linear(DIMS[-1], CLASSES)

    def forward(self, x):
        for down, stage in zip(self.downsample_layers, self.stages):
            x = down(x)
            for block in stage:
                x = block(x)
        return self.head(self.norm(x.mean([-2, -1])))


def idx(name):
    raw = gzip.open(os.path.join(DATA, name)).read()
    rank = raw[3]
    shape = struct.unpack('>' + 'I' * rank, raw[4:4 + 4 * rank])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def save_safetensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name in sorted(tensors):
        blob = tensors[name].detach().numpy().astype('<f4').tobytes()
        header[name] = {'dtype': 'F32', 'shape': list(tensors[name].shape), 'data_offsets': [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + b''.join(blobs))


def distilled(student, teacher, kind):
    """The teacher's term of facebookresearch/deit: losses.py"""
    if kind == 'hard':
        return F.cross_entropy(student, teacher.argmax(dim=1))
    own, taught = (F.log_softmax(logits / TAU, dim=1) for logits in (student, teacher))
    return F.kl_div(own, taught, reduction='sum', log_target=True) * TAU ** 2 / student.numel()


def run(slak, kind=None):
    torch.manual_seed(7)
    model = ConvNeXt(slak)
    name = 'slak' if slak else 'plain'
    start = {k: v.clone() for k, v in model.state_dict().items() if not k.endswith('num_batches_tracked')}
    if kind is None:
        save_safetensors(os.path.join(HERE, f'{name}.safetensors'), start)
    else:
        torch.manual_seed(7)
        teacher = ConvNeXt(not slak).eval()
    images, labels = idx('train-images-idx3-ubyte.gz'), idx('train-labels-idx1-ubyte.gz')
    pick = [i * len(images) // 64 for i in range(64)]
    x = (torch.from_numpy(images[pick].astype(np.float32)) / 255 - MEAN) / STD
    x = x[:, None].expand(-1, 3, -1, -1)
    t = torch.from_numpy(labels[pick].astype(np.int64))
    decay = [p for n, p in model.named_parameters() if p.ndim > 1]
    rest = [p for n, p in model.named_parameters() if p.ndim <= 1]
    opt = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.05}, {'params': rest, 'weight_decay': 0}], lr=4e-3, eps=1e-8)
    average = {k: v.clone() for k, v in model.state_dict().items()}
    losses, norms = [], []
    warm, low, high = 3, 1e-6, 4e-3
    for step in range(STEPS):
        lr = high * step / (warm - 1) if step < warm else low + 0.5 * (high - low) * (1 + math.cos(math.pi * (step - warm) / (STEPS_TOTAL - warm)))
        for g in opt.param_groups:
            g['lr'] = lr
        b = (step % 4) * BATCH
        model.train()
        logits = model(x[b:b + BATCH])
        loss = F.cross_entropy(logits, t[b:b + BATCH], label_smoothing=0.1)
        if kind is not None:
            with torch.no_grad():
                taught = teacher(x[b:b + BATCH])
            loss = (1 - ALPHA) * loss + ALPHA * distilled(logits, taught, kind)
        opt.zero_grad()
        loss.backward()
        losses.append(loss.item())
        norms.append(float(torch.sqrt(sum((p.grad.double() ** 2).sum() for p in model.parameters()))))
        opt.step()
        for k, v in model.state_dict().items():
            if v.is_floating_point():
                average[k] = EMA * average[k] + (1 - EMA) * v
    sums = lambda d: {k: [float(v.double().sum()), float(v.double().abs().sum())] for k, v in d.items() if v.is_floating_point()}
    return {'losses': losses, 'gradNorms': norms, 'state': sums(model.state_dict()), 'ema': sums(average)}


ALPHA, TAU = 0.7, 3
STEPS_TOTAL = 12  # three epochs of four steps; ten of them are run
if __name__ == '__main__':
    with open(os.path.join(HERE, 'steps.json'), 'w') as f:
        json.dump({'program': f'torch {torch.__version__}', 'plain': run(False), 'slak': run(True),
                   'soft': run(False, 'soft'), 'hard': run(False, 'hard')}, f)
