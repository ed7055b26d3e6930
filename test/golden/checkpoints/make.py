"""Checkpoints as PyTorch training scripts save them, with formula values, for test/cli and test/training (PyTorch 2.13).

    python test/golden/checkpoints/make.py
"""

import json
import re
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "models"))
import torch_models as tm  # noqa: E402

CONVNEXT = {"dims": [4, 6], "depths": [1, 1], "kernels": [5, 3], "classes": 5, "stemPatch": 2, "stemStride": 2}
REPLKNET = {"dims": [4, 6], "layers": [1, 1], "kernels": [5, 3], "small": 3, "classes": 5}


def timm_name(name):
    """huggingface/pytorch-image-models: timm/models/convnext.py, checkpoint_filter_fn, the other way round."""
    name = re.sub(r"^norm\.", "head.norm.", name)
    name = re.sub(r"^head\.(weight|bias)$", r"head.fc.\1", name)
    name = re.sub(r"^downsample_layers\.0\.(\d)\.", r"stem.\1.", name)
    name = re.sub(r"^downsample_layers\.(\d)\.(\d)\.", r"stages.\1.downsample.\2.", name)
    name = re.sub(r"^stages\.(\d)\.(\d+)\.", r"stages.\1.blocks.\2.", name)
    return name.replace(".dwconv.", ".conv_dw.").replace(".pwconv", ".mlp.fc")


def values(kind, config, dtype):
    return {k: v.to(dtype) if v.is_floating_point() else v
            for k, v in tm.load_formula(tm.make(kind, config)).state_dict().items()}


if __name__ == "__main__":
    plain = {timm_name(k): v for k, v in values("convnext-t", CONVNEXT, torch.float32).items()}
    torch.save({"epoch": 3, "model": plain, "model_ema": {k: v * 2 for k, v in plain.items()}}, HERE / "convnext-timm.pth")
    branches = values("replknet-31b", REPLKNET, torch.float64)
    for name, value in branches.items():
        if name.endswith("num_batches_tracked"):
            value.fill_(41)
    torch.save({"state_dict": {f"module.{k}": v for k, v in branches.items()}}, HERE / "replknet.pth")
    with torch.no_grad():
        logits = {name: tm.load_formula(tm.make(kind, config).double()).eval()(tm.images(2, 3, size)).flatten().tolist()
                  for name, kind, config, size in [("convnext-timm", "convnext-t", CONVNEXT, 16), ("replknet", "replknet-31b", REPLKNET, 32)]}
    (HERE / "logits.json").write_text(json.dumps(logits, indent=1) + "\n")
