"""torch.nn.functional.layer_norm and its gradients in float64 -> layer-norm.json"""
import json, pathlib, torch

torch.manual_seed(0)
x, weight, bias = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in ((3, 5), (5,), (5,)))
dy = torch.randn(3, 5, dtype=torch.float64)
y = torch.nn.functional.layer_norm(x, (5,), weight, bias, eps=1e-6)
y.backward(dy)
tensors = dict(x=x, weight=weight, bias=bias, dy=dy, y=y, dx=x.grad, dweight=weight.grad, dbias=bias.grad)
out = {k: v.detach().flatten().tolist() for k, v in tensors.items()}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
