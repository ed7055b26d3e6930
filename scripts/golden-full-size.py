"""Logits and gradient norms of full-size ConvNeXt-T in PyTorch, on formula weights and one formula image, for a check by hand:

    python scripts/golden-full-size.py out.json [--slak] [--kernels 51,49,47,13]

Without options: kernels 3, 7, 13, 31 and 51 in all stages, plain and in SLaK's framework (5x5 branch beside larger kernels).
Takes about a minute and 4 GB a model on two cores. The formula is that of test/golden/models/torch_models.py, which
test/models/formula.ts repeats; layer scales are around 0.5, so that every block counts.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "test/golden/models"))
import torch_models as tm  # noqa: E402


def run(kernels, slak):
    config = {"depths": [3, 3, 9, 3], "dims": [96, 192, 384, 768], "kernels": kernels, "classes": 1000}
    if slak:
        config.update(variant="slak", small=5)
    start = time.time()
    model = tm.load_formula(tm.make("convnext-t", config)).train()
    x, t = tm.images(2, 3, 224).float(), tm.targets(2, 1000).float()
    logits = model(x)
    loss = -(t * F.log_softmax(logits, 1)).sum(1).mean()
    loss.backward()
    print(f"{config} {time.time() - start:.0f} s", file=sys.stderr)
    return {
        "config": config, "n": 2, "size": 224, "loss": loss.item(), "logits": logits.flatten().tolist(),
        "gradients": {name: p.grad.norm().item() for name, p in model.named_parameters()},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--slak", action="store_true")
    parser.add_argument("--kernels", type=lambda text: [int(k) for k in text.split(",")])
    options = parser.parse_args()
    if options.kernels:
        cases = [(options.kernels, options.slak)]
    else:
        cases = [([k] * 4, slak) for slak in (False, True) for k in (3, 7, 13, 31, 51)]
    options.out.write_text(json.dumps([run(*case) for case in cases]) + "\n")
