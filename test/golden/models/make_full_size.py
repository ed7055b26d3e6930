"""Writes full-size.json: logits and gradients of the models at 224 px on formula weights and one formula image, in float32
(PyTorch 2.13, CPU). Up to a minute and 4 GB a model on two cores.

    python test/golden/models/make_full_size.py
"""

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
}

if __name__ == "__main__":
    results = {}
    for name, (kind, config) in CASES.items():
        start = time.time()
        results[name] = rounded(run(kind, config, 224, n=1, dtype=torch.float32), 8)
        print(f"{name}: {time.time() - start:.0f} s", file=sys.stderr)
    write(Path(__file__).with_name("full-size.json"), results)
