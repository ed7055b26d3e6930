"""Writes positions.json: position tables resampled as timm's resample_abs_pos_embed does, in float64: in float32 its weights are a millionth off
(PyTorch 2.13, CPU).

    python test/golden/models/positions.py
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

import torch_models as tm

C = 3


def resample(table, old, new):
    cls, grid = table[:, :1], table[:, 1:]
    grid = grid.reshape(1, old, old, C).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(new, new), mode="bicubic", antialias=True)
    return torch.cat([cls, grid.permute(0, 2, 3, 1).reshape(1, new * new, C)], 1)


if __name__ == "__main__":
    cases = []
    for old, new in ((14, 24), (24, 14), (4, 9), (7, 7), (1, 3), (28, 30)):
        table = torch.from_numpy(tm.uniform("pos_embed", (1 + old * old) * C)).float().double().reshape(1, -1, C)
        cases.append({"from": old, "to": new, "table": [float(f"{v:.8g}") for v in resample(table, old, new).flatten().tolist()]})
    path = Path(__file__).with_name("positions.json")
    path.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
