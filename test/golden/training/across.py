"""Ten AdamW steps of a CNN taught by a transformer and of a transformer taught by a CNN in PyTorch, for test/training/distill.test.ts.

    python test/golden/training/across.py          (PyTorch 2.13, CPU; writes across.json beside itself)

Weights of make.py and transformer.py; images, order and the teacher's term as in make.py.
"""
import json, math, os, sys
import numpy as np
import torch
import torch.nn.functional as F
from make import ALPHA, BATCH, CLASSES, HERE, MEAN, STD, STEPS, STEPS_TOTAL, ConvNeXt, distilled, idx
sys.path.insert(0, os.path.join(HERE, '..', 'models'))
from torch_models import VisionTransformer


def load(model, name):
    header_size = int.from_bytes(open(os.path.join(HERE, name), 'rb').read(8), 'little')
    raw = open(os.path.join(HERE, name), 'rb').read()
    header, data = json.loads(raw[8:8 + header_size]), raw[8 + header_size:]
    state = {k: torch.from_numpy(np.frombuffer(data[slice(*v['data_offsets'])], '<f4').copy()).reshape(v['shape'])
             for k, v in header.items()}
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert all(k.endswith('num_batches_tracked') for k in missing), missing
    return model


def transformer():
    model = VisionTransformer(dim=24, depth=2, heads=3, imageSize=28, patch=7, classes=CLASSES)
    return load(model, 'transformer.safetensors')


def run(model, teacher, kind, high):
    teacher.eval()
    images, labels = idx('train-images-idx3-ubyte.gz'), idx('train-labels-idx1-ubyte.gz')
    pick = [i * len(images) // 64 for i in range(64)]
    x = ((torch.from_numpy(images[pick].astype(np.float32)) / 255 - MEAN) / STD)[:, None].expand(-1, 3, -1, -1)
    t = torch.from_numpy(labels[pick].astype(np.int64))
    rest = [p for n, p in model.named_parameters() if p.ndim == 1 or n in ('cls_token', 'pos_embed')]
    decay = [p for n, p in model.named_parameters() if not any(p is other for other in rest)]
    opt = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.05}, {'params': rest, 'weight_decay': 0}], lr=high, eps=1e-8)
    losses, norms = [], []
    warm, low = 3, 1e-6
    for step in range(STEPS):
        lr = high * step / (warm - 1) if step < warm else low + 0.5 * (high - low) * (1 + math.cos(math.pi * (step - warm) / (STEPS_TOTAL - warm)))
        for g in opt.param_groups:
            g['lr'] = lr
        b = (step % 4) * BATCH
        logits = model(x[b:b + BATCH])
        with torch.no_grad():
            taught = teacher(x[b:b + BATCH])
        loss = (1 - ALPHA) * F.cross_entropy(logits, t[b:b + BATCH], label_smoothing=0.1) + ALPHA * distilled(logits, taught, kind)
        opt.zero_grad()
        loss.backward()
        losses.append(loss.item())
        norms.append(float(torch.sqrt(sum((p.grad.double() ** 2).sum() for p in model.parameters()))))
        opt.step()
    return {'losses': losses, 'gradNorms': norms}


with open(os.path.join(HERE, 'across.json'), 'w') as f:
    json.dump({'program': f'torch {torch.__version__}',
               'cnn': run(load(ConvNeXt(False), 'plain.safetensors'), transformer(), 'soft', 4e-3),
               'transformer': run(transformer(), load(ConvNeXt(True), 'slak.safetensors'), 'hard', 1e-3)}, f)
