"""One small ConvNeXt in the many ways in which people save weights with PyTorch 2.13: all files but those with `two` in the name hold
the same values once. For test/training/open-weights.test.ts.

    python test/golden/checkpoints/wild.py
"""

import argparse
import sys
from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from make import CONVNEXT, tm  # noqa: E402

OUT = HERE / "wild"
net = tm.load_formula(tm.make("convnext-t", CONVNEXT))
weights = OrderedDict((name, value.clone()) for name, value in net.state_dict().items())


def under(prefix, state=weights):
    return OrderedDict((prefix + name, value) for name, value in state.items())


def doubled():
    return OrderedDict((name, 2 * value) for name, value in weights.items())


def save(name, value, **options):
    torch.save(value, OUT / f"{name}.pth", **options)


OUT.mkdir(exist_ok=True)
sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
adam = torch.optim.AdamW(net.parameters())
for optimizer in (sgd, adam):
    net(torch.randn(1, 3, 16, 16)).sum().backward()
    optimizer.step()
tm.load_formula(net)

# pytorch/examples: imagenet/main.py
save("imagenet-example", {"epoch": 1, "arch": "convnext", "state_dict": under("module."), "best_acc1": torch.tensor(91.7), "optimizer": sgd.state_dict()})
save("compiled", under("_orig_mod."))
save("compiled-blocks", OrderedDict((name.replace("stages.0.", "stages.0._orig_mod."), value) for name, value in weights.items()))
save("chain", {"net": under("model._orig_mod.module.backbone.")})
save("nested", {"checkpoint": {"epoch": 2, "network_weights": dict(weights)}})
# Lightning: one dict of the module, its loss and its metrics
lightning = under("model.")
lightning["criterion.weight"] = torch.ones(5)
lightning["val_acc.tp"] = torch.zeros(5, dtype=torch.long)
save("lightning", {"epoch": 3, "global_step": 7, "pytorch-lightning_version": "2.0.0", "state_dict": lightning, "loops": {}, "callbacks": {"best": {"score": torch.tensor(0.5)}},
                   "optimizer_states": [adam.state_dict()], "lr_schedulers": [], "hyper_parameters": argparse.Namespace(lr=0.1)})
save("averaged", torch.optim.swa_utils.AveragedModel(net).state_dict())
save("random-states", {"weights": weights, "torch_rng_state": torch.get_rng_state(), "rng": [torch.get_rng_state()], "loss": torch.tensor([0.5]), "mean": torch.zeros(3)})
save("odd", {"model_state_dict": weights, "spectrum": torch.zeros(2, dtype=torch.complex64), "sparse": torch.eye(2).to_sparse(), "tiny": torch.zeros(2).to(torch.float8_e4m3fn),
             "quantised": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "meta": torch.zeros(2, device="meta")})
strange = OrderedDict(weights)
strange["scale.spectrum"] = torch.zeros(2, dtype=torch.complex64)
save("odd-inside", {"model": strange})
save("twice", {"model": weights, "state_dict": weights, "args": {"lr": 0.1}})
save("half", OrderedDict((name, value.bfloat16()) for name, value in weights.items()))
flat = torch.cat([value.flatten() for value in weights.values()])
shared, at = OrderedDict(), 0
for name, value in weights.items():
    view = flat[at : at + value.numel()].view(value.shape)
    shared[name] = view.t().contiguous().t() if value.dim() == 2 else view.to(memory_format=torch.channels_last) if value.dim() == 4 else view
    at += value.numel()
save("views", {"params": shared})
save("legacy", {"epoch": 1, "state_dict": under("module.", shared), "spectrum": torch.zeros(3, dtype=torch.complex64), "best_prec1": torch.tensor(1.0)}, _use_new_zipfile_serialization=False)
save("model-itself", {"model": net, "optimizer": sgd.state_dict()})
save("tuple", (weights, adam.state_dict()))
save("protocol5", {"state_dict": weights, "best": torch.tensor(0.1)}, pickle_protocol=5)
# Several sets: which one is meant has to be said.
save("two-timm", {"epoch": 3, "state_dict": weights, "state_dict_ema": doubled()})
save("two-students", {"state_dict": under("student.") | under("teacher.", doubled()) | {"queue": torch.zeros(4, 2)}})
