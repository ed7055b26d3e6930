"""Writes dino-masks.json: DINO's attention masks of four photographs (cifar10-test-4.bin), as facebookresearch/dino: visualize_attention.py
makes them, in float32, with the weights of torch_models.formula (PyTorch 2.13, CPU).

    python test/golden/models/dino_masks.py
"""

import json
from pathlib import Path

import numpy as np
import torch

import torch_models as tm

CONFIG = {"dim": 24, "depth": 1, "heads": 3, "patch": 4, "imageSize": 32}
HEAD = 1
HERE = Path(__file__).parent


def masks_of(attention, mass):
    """attention (n, patches) of one head"""
    val, idx = torch.sort(attention)
    val /= torch.sum(val, dim=1, keepdim=True)
    kept = torch.cumsum(val, dim=1) > (1 - mass)
    back = torch.argsort(idx)
    return torch.stack([row[order] for row, order in zip(kept, back)])


def photographs():
    records = np.frombuffer((HERE / "cifar10-test-4.bin").read_bytes(), np.uint8).reshape(4, -1)
    mean, std = (np.array(v).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return torch.from_numpy((records[:, 1:].reshape(4, 3, 32, 32) / 255.0 - mean) / std).float()


if __name__ == "__main__":
    model = tm.load_formula(tm.make("dino-s16", CONFIG)).float().eval()
    with torch.no_grad():
        model(photographs())
        attention = model.blocks[-1].attn.probabilities[:, HEAD, 0, 1:].contiguous()
    masks = {f"{i / 10}": ["".join(str(int(v)) for v in row) for row in masks_of(attention, i / 10)] for i in range(1, 11)}
    result = {"config": CONFIG, "head": HEAD, "attention": [float(f"{v:.9g}") for v in attention.flatten().tolist()], "masks": masks}
    (HERE / "dino-masks.json").write_text(json.dumps(result, separators=(",", ":")).replace('],"', '],\n"') + "\n")
