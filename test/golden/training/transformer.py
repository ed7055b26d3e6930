"""A hundred AdamW steps of a small DeiT in PyTorch, for test/training/pytorch.test.ts.

    python test/golden/training/transformer.py          (PyTorch 2.13, CPU; writes transformer.json and transformer.safetensors beside itself)

Images and order as in make.py; as in DeiT, the class token and the position table do not decay.
"""
import json, math, os, sys
import numpy as np
import torch
import torch.nn.functional as F
from make import BATCH, CLASSES, HERE, MEAN, STD, idx, save_safetensors
sys.path.insert(0, os.path.join(HERE, '..', 'models'))
from torch_models import VisionTransformer

STEPS, WARM, LOW, HIGH = 100, 3, 1e-6, 1e-3

torch.manual_seed(7)
model = VisionTransformer(dim=24, depth=2, heads=3, imageSize=28, patch=7, classes=CLASSES)
torch.nn.init.trunc_normal_(model.cls_token, std=0.02)
torch.nn.init.trunc_normal_(model.pos_embed, std=0.02)
save_safetensors(os.path.join(HERE, 'transformer.safetensors'), model.state_dict())
images, labels = idx('train-images-idx3-ubyte.gz'), idx('train-labels-idx1-ubyte.gz')
pick = [i * len(images) // 64 for i in range(64)]
x = ((torch.from_numpy(images[pick].astype(np.float32)) / 255 - MEAN) / STD)[:, None].expand(-1, 3, -1, -1)
t = torch.from_numpy(labels[pick].astype(np.int64))
rest = [p for n, p in model.named_parameters() if p.ndim == 1 or n in ('cls_token', 'pos_embed')]
decay = [p for n, p in model.named_parameters() if not any(p is other for other in rest)]
opt = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.05}, {'params': rest, 'weight_decay': 0}], lr=HIGH, eps=1e-8)
losses = []
for step in range(STEPS):
    lr = HIGH * step / (WARM - 1) if step < WARM else LOW + 0.5 * (HIGH - LOW) * (1 + math.cos(math.pi * (step - WARM) / (STEPS - WARM)))
    for g in opt.param_groups:
        g['lr'] = lr
    b = (step % 4) * BATCH
    loss = F.cross_entropy(model(x[b:b + BATCH]), t[b:b + BATCH], label_smoothing=0.1)
    opt.zero_grad()
    loss.backward()
    losses.append(loss.item())
    opt.step()
with open(os.path.join(HERE, 'transformer.json'), 'w') as f:
    json.dump({'program': f'torch {torch.__version__}', 'losses': losses}, f)
