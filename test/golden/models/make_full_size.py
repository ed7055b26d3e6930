"""Writes full-size.json: logits and gradients of the models at 224 px on formula weights and formula images (PyTorch
2.13, CPU): one image in float32; three in float64 for RepLKNet, whose last BatchNorm leaves nothing of a single one and little of two.
full-width.json has RepLKNet again at 32 px, small enough to be computed in float64 by the ops' references.
Up to a minute and 4 GB a model on two cores.

    python test/golden/models/make_full_size.py [part of a case's name]
"""

import json
import sys
import time
from pathlib import Path

import torch

from make import rounded, run, write

CONVNEXT_T = {"depths": [3, 3, 9, 3], "dims": [96, 192, 384, 768], "classes": 1000}
REPLKNET_B = {"layers": [2, 2, 18, 2], "dims": [128, 256, 512, 1024], "classes": 1000}
SLAK = {"variant": "slak", "small": 5}
CASES = {
    **{f"convnext-t plain k{k}": ("convnext-t", {**CONVNEXT_T, "kernels": [k] * 4}) for k in (3, 7, 13, 31, 51)},
    # A 5x5 branch stands beside larger kernels only.
    **{f"convnext-t slak k{k}": ("convnext-t", {**CONVNEXT_T, **SLAK, "kernels": [k] * 4}) for k in (3, 7, 13, 31, 51)},
    "convnext-t slak k51-49-47-13": ("convnext-t", {**CONVNEXT_T, **SLAK, "kernels": [51, 49, 47, 13]}),
    "replknet-31b": ("replknet-31b", {**REPLKNET_B, "kernels": [31, 29, 27, 13], "small": 5}),
    "replknet-3b": ("replknet-3b", {**REPLKNET_B, "kernels": [3, 3, 3, 3], "small": None}),
    "vit-b16": ("vit-b16", {"dim": 768, "depth": 12, "heads": 12, "imageSize": 224, "classes": 1000}),
    "vit-l16": ("vit-l16", {"dim": 1024, "depth": 24, "heads": 16, "imageSize": 224, "classes": 1000}),
    "deit-s16": ("deit-s16", {"dim": 384, "depth": 12, "heads": 6, "imageSize": 224, "classes": 1000}),
    "dino-s16": ("dino-s16", {"dim": 384, "depth": 12, "heads": 6, "imageSize": 224}),
    "dino-s8": ("dino-s8", {"dim": 384, "depth": 12, "heads": 6, "imageSize": 224, "patch": 8}),
}

ONE = {"n": 1, "dtype": torch.float32}

if __name__ == "__main__":
    for name in ("replknet-31b", "replknet-3b") if len(sys.argv) == 1 or sys.argv[1] == "full-width" else ():
        narrow = Path(__file__).with_name("full-width.json")
        known = json.loads(narrow.read_text()) if narrow.exists() else {}
        write(narrow, {**known, name: rounded(run(*CASES[name], 32), 12)})
    path = Path(__file__).with_name("full-size.json")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    results = json.loads(path.read_text()) if wanted else {}
    for name, (kind, config) in CASES.items():
        if wanted not in name:
            continue
        start = time.time()
        results[name] = rounded(run(kind, config, 224, **({} if kind.startswith("replknet") else ONE)), 8)
        print(f"{name}: {time.time() - start:.0f} s", file=sys.stderr)
    write(path, results)
