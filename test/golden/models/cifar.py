"""Copies the first images of a CIFAR-10 binary test batch and writes what PyTorch's ResNet-20 says about them.

    python test/golden/models/cifar.py test_batch.bin checkpoints/resnet20-cifar10/resnet20.safetensors
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

import torch_models as tm

COUNT, RECORD = 4, 1 + 3 * 32 * 32


def read_safetensors(path):
    raw = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__", None)
    data = raw[8 + length:]
    return {
        name: torch.from_numpy(np.frombuffer(data[slice(*e["data_offsets"])], "<f4").reshape(e["shape"]).copy())
        for name, e in header.items()
    }


if __name__ == "__main__":
    records = Path(sys.argv[1]).read_bytes()[:COUNT * RECORD]
    here = Path(__file__).parent
    (here / "cifar10-test-4.bin").write_bytes(records)
    pixels = np.frombuffer(records, np.uint8).reshape(COUNT, RECORD)[:, 1:].reshape(COUNT, 3, 32, 32)
    mean = np.array([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    std = np.array([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    x = torch.from_numpy((pixels / 255.0 - mean) / std)
    model = tm.ResNet("cifar", [3, 3, 3], [16, 32, 64], 10)
    model.load_state_dict(read_safetensors(sys.argv[2]), strict=False)
    with torch.no_grad():
        logits = model.double().eval()(x)
    labels = [records[i * RECORD] for i in range(COUNT)]
    result = {"labels": labels, "logits": [[float(f"{v:.9g}") for v in row] for row in logits.tolist()]}
    (here / "cifar10-test-4.json").write_text(json.dumps(result) + "\n")
