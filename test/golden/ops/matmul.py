"""torch.nn.functional.linear in float64 -> matmul.json"""
import json, pathlib, torch

torch.manual_seed(0)
x, weight, bias = (torch.randn(*s, dtype=torch.float64) for s in ((3, 4), (5, 4), (5,)))
y = torch.nn.functional.linear(x, weight, bias)
out = {k: v.flatten().tolist() for k, v in dict(x=x, weight=weight, bias=bias, y=y).items()}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
