"""Loads what `largekernel convert` and `merge` wrote into PyTorch's modules, strictly, and prints a norm of the logits.

    python test/golden/checkpoints/check.py converted.safetensors convnext-t '{"dims": [4, 6], …}' 16 [expected.npy]
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
import torch_models as tm  # noqa: E402


def read_safetensors(path):
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    kinds = {"F32": np.float32, "I64": np.int64}
    state = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + at for at in entry["data_offsets"])
            state[name] = torch.from_numpy(np.frombuffer(data[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"]).copy())
    return state


path, kind, config, size = sys.argv[1:5]
model = tm.make(kind, json.loads(config))
print(model.load_state_dict(read_safetensors(path), strict=True))
with torch.no_grad():
    logits = model.eval()(tm.images(2, 3, int(size)).float()).numpy()
print("logits", logits.shape, "norm", np.linalg.norm(logits))
if len(sys.argv) > 5:
    expected = np.load(sys.argv[5])
    print("relative difference", np.linalg.norm(logits - expected) / np.linalg.norm(expected))
