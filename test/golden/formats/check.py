"""Checks by other people's code of what ours wrote: tiny.onnx by onnx and ONNX Runtime against PyTorch or NumPy, a safetensors by its own reader.
python check.py tiny.onnx [written.safetensors]   (needs onnx, onnxruntime, safetensors, numpy)"""
import sys
from math import erf
import numpy as np, onnx, onnxruntime
from onnx import numpy_helper

model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
w = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
x = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32)
got = onnxruntime.InferenceSession(sys.argv[1]).run(None, {"x": x})[0]

def conv(x, k, bias=None, stride=1, pad=0, depthwise=False):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    kh, kw = k.shape[2:]
    win = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("nchwij,cij->nchw", win, k[:, 0]) if depthwise else np.einsum("nchwij,ocij->nohw", win, k)
    return y if bias is None else y + bias[:, None, None]

c = lambda v: v[:, None, None]
y = conv(x.astype(np.float64), w["stem.weight"], w["stem.bias"], 2)
normal = (y - c(w["bn.mean"])) / np.sqrt(c(w["bn.variance"]) + 1e-5) * c(w["bn.scale"]) + c(w["bn.bias"])
y = conv(normal, w["dw.weight"], pad=1, depthwise=True).transpose(0, 2, 3, 1)
y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-6) * w["ln.weight"] + w["ln.bias"]
y = y @ w["fc1.weight"]
y = (0.5 * y * (1 + np.vectorize(erf)(y / np.sqrt(2)))) @ w["fc2.weight"]
y = np.maximum(normal + y.transpose(0, 3, 1, 2), 0)
pooled = y.reshape(3, 4, 2, 2, 2, 2).max((3, 5)).mean((2, 3)) + y.mean((2, 3))
want = pooled @ w["head.weight"].T + w["head.bias"]
print("onnx: largest difference", np.abs(got - want).max(), "of", np.abs(want).max())
assert np.allclose(got, want, rtol=1e-5)

if len(sys.argv) > 2:
    from safetensors import safe_open
    with safe_open(sys.argv[2], "np") as f:
        print(f.metadata(), {k: (f.get_tensor(k).dtype, f.get_tensor(k).tolist()) for k in f.keys()})
