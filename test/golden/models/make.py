"""Writes tiny.json: outputs and gradients of tiny models in float64 (PyTorch 2.13, CPU).

    python test/golden/models/make.py
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

import torch_models as tm

FOUR = {"dims": [8, 12, 16, 20], "classes": 7}
ROBUST = {"depths": [2, 2], "dims": [6, 12], "kernels": [7, 5], "strides": [1, 2], "stemPatch": 4, "classes": 5}
CASES = {
    "slak, one block": (
        "convnext-t", {"dims": [6], "classes": 4, "depths": [1], "kernels": [9], "variant": "slak", "small": 5,
                       "stemPatch": 2, "stemStride": 2}, 12),
    "convnext plain, kernels above the map": (
        "convnext-t", {**FOUR, "depths": [1, 1, 2, 1], "kernels": [11, 7, 9, 3], "dropPath": 0.4}, 32),
    "convnext plain, overlapping stem, three stages": (
        "convnext-t", {"dims": [6, 10, 14], "classes": 5, "depths": [2, 1, 1], "kernels": [7, 13, 3],
                       "stemPatch": 3, "stemStride": 1}, 12),
    "slak with 5x5 branches": (
        "convnext-t", {**FOUR, "depths": [1, 1, 2, 1], "kernels": [11, 9, 7, 3], "variant": "slak", "small": 5,
                       "dropPath": 0.3}, 32),
    "slak decomposed, wide": (
        "convnext-t", {**FOUR, "depths": [1, 1, 1, 1], "kernels": [11, 9, 7, 3], "variant": "slak", "small": 3,
                       "decomposed": True, "widthFactor": 1.3, "stemPatch": 2, "stemStride": 2}, 16),
    "slak without BatchNorm": (
        "convnext-t", {**FOUR, "depths": [1, 1, 1, 1], "kernels": [9, 7, 7, 3], "variant": "slak", "small": 5,
                       "bn": False}, 32),
    "replknet": (
        "replknet-31b", {**FOUR, "layers": [1, 1, 2, 1], "kernels": [13, 9, 7, 5], "small": 3, "dwRatio": 1.5,
                         "dropPath": 0.4}, 64),
    "replknet without a small kernel": (
        "replknet-31b", {**FOUR, "layers": [1, 1, 1, 1], "kernels": [3, 3, 3, 3], "small": None}, 64),
    "resnet basic": ("resnet18", {"depths": [1, 2, 1, 1], "planes": [8, 12, 16, 20], "classes": 7}, 64),
    "resnet bottleneck": ("resnet50", {"depths": [1, 1, 2, 1], "planes": [4, 6, 8, 10], "classes": 7}, 64),
    "resnet cifar": ("resnet20", {"depths": [3, 3, 3], "planes": [8, 16, 32], "classes": 10}, 16),
    "bit": ("bit-m-r101x3", {"depths": [2, 1], "dims": [8, 16], "groups": 4, "classes": 5}, 32),
    "robust-resnet dw": ("robust-resnet-dw", {**ROBUST, "dropPath": 0.3}, 32),
    "robust-resnet inverted": ("robust-resnet-inverted-dw", ROBUST, 32),
    "robust-resnet up": ("robust-resnet-up-inverted-dw", ROBUST, 32),
    "robust-resnet down": ("robust-resnet-down-inverted-dw", {**ROBUST, "strideAt": "before"}, 32),
    "robust-resnet, all norms and activations, stem of a ResNet": (
        "robust-resnet-down-inverted-dw", {**ROBUST, "strideAt": "first", "stem": "resnet", "norms": [1, 2, 3], "activations": [1, 2, 3, 4],
                                           "layerScale": 0.1}, 32),
    "vision transformer": (
        "vit-b16", {"dim": 24, "depth": 2, "heads": 3, "patch": 4, "imageSize": 20, "mlpRatio": 2, "classes": 7,
                    "dropPath": 0.3}, 20),
    "vision transformer without a classifier": (
        "dino-s8", {"dim": 16, "depth": 1, "heads": 2, "patch": 8, "imageSize": 24}, 24),
}
N = 3


def summary(name, tensor):
    """Euclidean norm, dot product with a formula vector, first and last element."""
    flat = tensor.detach().reshape(-1).double()
    probe = torch.from_numpy(tm.uniform("probe " + name, flat.numel()))
    return [flat.norm().item(), (flat * probe).sum().item(), flat[0].item(), flat[-1].item()]


def masks_of(config, model, n):
    """One mask for each branch whose drop-path rate is above zero."""
    last = config.get("dropPath", 0)
    paths = [m.path for m in model.modules() if isinstance(m, tm.DropPath)]
    shared = 2 if "layers" in config or "heads" in config else 1  # pairs of RepLKNet and of transformers share one rate
    count = len(paths) // shared
    masks = {}
    for i, path in enumerate(paths):
        rate = last * (i // shared) / (count - 1) if count > 1 else 0
        if rate > 0:
            kept = [sample != i % n for sample in range(n)]
            masks[path] = torch.tensor([float(torch.tensor(k / (1 - rate), dtype=torch.float32)) for k in kept],
                                       dtype=torch.float64)
    return masks


def run(kind, config, size, n=N, dtype=torch.float64):
    model = tm.load_formula(tm.make(kind, config).to(dtype))
    x = tm.images(n, 3, size).to(dtype)
    with torch.no_grad():
        evaluated = model.eval()(x)
    t = tm.targets(n, evaluated.shape[1]).to(dtype)
    tm.DropPath.masks = masks_of(config, model, n)
    model.train()
    x.requires_grad_(True)
    logits = model(x)
    losses = -(t * F.log_softmax(logits, 1)).sum(1)
    losses.mean().backward()
    state = {k: v for k, v in model.state_dict().items() if k.endswith(("running_mean", "running_var"))}
    return {
        "model": kind, "config": config, "n": n, "size": size,
        "masks": {k: v.tolist() for k, v in tm.DropPath.masks.items()},
        "evaluated": evaluated.flatten().tolist(),
        "logits": logits.flatten().tolist(),
        "losses": losses.tolist(),
        "dx": summary("x", x.grad),
        "gradients": {name: summary(name, p.grad) for name, p in model.named_parameters()},
        "state": {name: summary(name, v) for name, v in state.items()},
    }


def rounded(value, digits=12):
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, list):
        return [rounded(v, digits) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v, digits) for k, v in value.items()}
    return value


def write(path, results):
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(case, separators=(',', ':'))}" for name, case in results.items())
    path.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    write(Path(__file__).with_name("tiny.json"), {name: rounded(run(*case)) for name, case in CASES.items()})
