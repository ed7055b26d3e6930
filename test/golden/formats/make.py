"""Files of tensors as PyTorch and NumPy write them, and their values, for test/formats. Run in this folder with torch and numpy."""
import argparse, collections, io, json, pickle, struct, zipfile
import numpy as np, torch

torch.manual_seed(0)
expected = {}

def values(t):
    t = torch.as_tensor(t)
    return {"shape": list(t.shape), "values": t.double().flatten().tolist()}

def record(file, tensors):
    expected[file] = {name: values(t) for name, t in tensors.items()}

# --- .pth ---------------------------------------------------------------------------------------------------------------
base = torch.randn(6, 4)
bare = collections.OrderedDict(
    f32=base, transposed=base.t(), column=base[:, 1], block=base[1:4, ::2], expanded=torch.tensor([1.5, 2.5]).reshape(2, 1).expand(2, 3),
    f64=torch.randn(3, dtype=torch.float64), f16=torch.randn(5).half(), bf16=torch.randn(5).bfloat16(),
    i64=torch.tensor([1, -2, 3_000_000_000]), i32=torch.tensor([[1], [-7]], dtype=torch.int32), i16=torch.tensor([-300], dtype=torch.int16),
    i8=torch.tensor([-3, 4], dtype=torch.int8), u8=torch.tensor([0, 255], dtype=torch.uint8), flag=torch.tensor([True, False, True]),
    scalar=torch.tensor(2.5), empty=torch.zeros(0, 3), parameter=torch.nn.Parameter(torch.randn(2, 2)),
    halves=torch.tensor([0.0, -0.0, 1.0, 65504.0, 6e-8, 6.1e-5, float("inf")]).half(),
)
torch.save(bare, "bare.pth")
record("bare.pth", {k: v.detach() for k, v in bare.items()})

net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
optimizer = torch.optim.AdamW(net.parameters())
net(torch.randn(2, 1, 5, 5)).sum().backward(); optimizer.step()
wrap = lambda sd, p: collections.OrderedDict((p + k, v) for k, v in sd.items())
ema = {k: v * 2 for k, v in net.state_dict().items()}
torch.save({"optimizer": optimizer.state_dict(), "epoch": 3, "args": argparse.Namespace(lr=4e-3, data="x"), "scaler": {"scale": 65536.0},
            "best": np.float64(0.5), "when": torch.device("cpu"), "model_ema": wrap(ema, "module."), "model": wrap(net.state_dict(), "module.backbone.")}, "wrapped.pth")
record("wrapped.pth", net.state_dict())
record("wrapped.pth#model_ema", ema)
torch.save(net.state_dict(), "protocol4.pth", pickle_protocol=4)
record("protocol4.pth", net.state_dict())
torch.save({"w": base}, "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(net, "module.pth")

class Evil:
    def __reduce__(self):
        import os
        return os.system, ("touch EXECUTED",)
torch.save({"state_dict": {"w": base}, "evil": Evil()}, "evil.pth")
record("evil.pth", {"w": base})

# Every size and offset in ZIP64 fields, as in files above 4 GiB.
limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 0
with zipfile.ZipFile("bare.pth") as source, zipfile.ZipFile("zip64.pth", "w") as target:
    for item in source.infolist():
        target.writestr(zipfile.ZipInfo(item.filename, (1980, 1, 1, 0, 0, 0)), source.read(item))
zipfile.ZIP64_LIMIT = limit
record("zip64.pth", {k: v.detach() for k, v in bare.items()})

# --- .npy, .npz ---------------------------------------------------------------------------------------------------------
a = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
arrays = {"c": a, "fortran": np.asfortranarray(a), "half": a.astype(np.float16) / 7, "double": a.astype(np.float64) / 7, "a/b/kernel": a[0],
          "int": np.array([[1, -2]], np.int32), "long": np.array([2**40, -5]), "byte": np.array([0, 255], np.uint8), "scalar": np.float32(3.5),
          "none": np.zeros((0, 2), np.float32), "flag": np.array([True, False]), "zeros": np.zeros((300, 300), np.float32)}
record("stored.npz", arrays)
expected["stored.npz"]["zeros"]["values"] = "zeros"
expected["deflated.npz"] = expected["stored.npz"]
del_zeros = {k: v for k, v in arrays.items() if k != "zeros"}
np.savez("stored.npz", **del_zeros); expected["stored.npz"] = {k: v for k, v in expected["stored.npz"].items() if k != "zeros"}
np.savez_compressed("deflated.npz", **arrays)
for version in (1, 2, 3):
    with open(f"v{version}.npy", "wb") as f:
        np.lib.format.write_array(f, np.asfortranarray(a), version=(version, 0))
    record(f"v{version}.npy", {"array": a})
np.save("big-endian.npy", a.astype(">f4"))
np.save("structured.npy", np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
np.save("object.npy", np.array([{}], dtype=object))

# --- safetensors --------------------------------------------------------------------------------------------------------
NAMES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
         torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
tensors = {k: v.detach().contiguous() for k, v in bare.items()}
order = sorted(tensors, key=lambda k: (-tensors[k].element_size(), k))
header, data = {"__metadata__": {"format": "pt", "note": "ä"}}, b""
for k in order:
    raw = tensors[k].view(torch.uint8).numpy().tobytes() if tensors[k].dim() else tensors[k].reshape(1).view(torch.uint8).numpy().tobytes()
    header[k] = {"dtype": NAMES[tensors[k].dtype], "shape": list(tensors[k].shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open("all.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
record("all.safetensors", tensors)

def clean(o):
    if isinstance(o, float) and (o != o or o in (float("inf"), float("-inf"))): return str(o)
    if isinstance(o, dict): return {k: clean(v) for k, v in o.items()}
    if isinstance(o, list): return [clean(v) for v in o]
    return o
json.dump(clean(expected), open("expected.json", "w"))
