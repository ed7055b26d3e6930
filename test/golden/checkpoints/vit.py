"""Writes vit/: one small vision transformer under every name that its files have. Weights are those of torch_models.formula.

    python test/golden/checkpoints/vit.py
"""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import torch_models as tm

CONFIG = {"dim": 8, "depth": 2, "heads": 2, "patch": 4, "imageSize": 12, "mlpRatio": 2}
OUT = Path(__file__).with_name("vit")


def model(classes):
    return tm.load_formula(tm.make("vit-b16", {**CONFIG, "classes": classes})).float()


def flax(sd):
    heads, dim = CONFIG["heads"], CONFIG["dim"]
    out = {"cls": sd["cls_token"], "Transformer/posembed_input/pos_embedding": sd["pos_embed"],
           "embedding/kernel": sd["patch_embed.proj.weight"].permute(2, 3, 1, 0), "embedding/bias": sd["patch_embed.proj.bias"],
           "Transformer/encoder_norm/scale": sd["norm.weight"], "Transformer/encoder_norm/bias": sd["norm.bias"],
           "head/kernel": sd["head.weight"].T, "head/bias": sd["head.bias"]}
    for i in range(CONFIG["depth"]):
        b, f = f"blocks.{i}.", f"Transformer/encoderblock_{i}/"
        for ours, theirs in (("norm1", "LayerNorm_0"), ("norm2", "LayerNorm_2")):
            out[f"{f}{theirs}/scale"], out[f"{f}{theirs}/bias"] = sd[f"{b}{ours}.weight"], sd[f"{b}{ours}.bias"]
        attention = f"{f}MultiHeadDotProductAttention_1/"
        for j, role in enumerate(("query", "key", "value")):
            rows = slice(j * dim, (j + 1) * dim)
            out[f"{attention}{role}/kernel"] = sd[f"{b}attn.qkv.weight"][rows].T.reshape(dim, heads, dim // heads)
            out[f"{attention}{role}/bias"] = sd[f"{b}attn.qkv.bias"][rows].reshape(heads, dim // heads)
        out[f"{attention}out/kernel"] = sd[f"{b}attn.proj.weight"].T.reshape(heads, dim // heads, dim)
        out[f"{attention}out/bias"] = sd[f"{b}attn.proj.bias"]
        for j, layer in enumerate(("fc1", "fc2")):
            out[f"{f}MlpBlock_3/Dense_{j}/kernel"] = sd[f"{b}mlp.{layer}.weight"].T
            out[f"{f}MlpBlock_3/Dense_{j}/bias"] = sd[f"{b}mlp.{layer}.bias"]
    return {name: np.ascontiguousarray(value.numpy()) for name, value in out.items()}


def torchvision(sd, mlp=("linear_1", "linear_2")):
    names = [("cls_token", "class_token"), ("pos_embed", "encoder.pos_embedding"), ("patch_embed.proj", "conv_proj"),
             ("head.", "heads.head."), ("blocks.", "encoder.layers.encoder_layer_"), (".norm1.", ".ln_1."), (".norm2.", ".ln_2."),
             (".attn.qkv.", ".self_attention.in_proj_"), (".attn.proj.", ".self_attention.out_proj."),
             (".fc1.", f".{mlp[0]}."), (".fc2.", f".{mlp[1]}.")]
    out = {}
    for name, value in sd.items():
        name = "encoder.ln." + name[5:] if name.startswith("norm.") else name
        for a, b in names:
            name = name.replace(a, b)
        out[name] = value
    return out


def huggingface(sd):
    names = [("cls_token", "vit.embeddings.cls_token"), ("pos_embed", "vit.embeddings.position_embeddings"),
             ("patch_embed.proj", "vit.embeddings.patch_embeddings.projection"), ("head.", "classifier."),
             ("blocks.", "vit.encoder.layer."), (".norm1.", ".layernorm_before."), (".norm2.", ".layernorm_after."),
             (".attn.proj.", ".attention.output.dense."), (".mlp.fc1.", ".intermediate.dense."), (".mlp.fc2.", ".output.dense.")]
    out = {}
    for name, value in sd.items():
        name = "vit.layernorm." + name[5:] if name.startswith("norm.") else name
        for a, b in names:
            name = name.replace(a, b)
        if ".attn.qkv." in name:
            for role, part in zip(("query", "key", "value"), value.chunk(3)):
                out[name.replace(".attn.qkv.", f".attention.attention.{role}.")] = part.clone()
        else:
            out[name] = value
    return out


def dino(sd):
    head = {"head.mlp.0.weight": torch.zeros(4, 8), "head.last_layer.weight_v": torch.ones(3, 4)}
    student = {f"module.backbone.{k}": 2 * v for k, v in sd.items()} | {f"module.{k}": v for k, v in head.items()}
    teacher = {f"backbone.{k}": v for k, v in sd.items()} | head
    return {"student": student, "teacher": teacher, "epoch": 3}


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    whole, bare = model(5).state_dict(), model(0).state_dict()
    np.savez(OUT / "flax.npz", **flax(whole))
    np.savez(OUT / "flax-21k.npz", **flax(whole), **{"pre_logits/kernel": np.eye(8, dtype=np.float32), "pre_logits/bias": np.zeros(8, np.float32)})
    torch.save({"model": whole}, OUT / "deit.pth", _use_new_zipfile_serialization=False)
    torch.save({"model": {**whole, "dist_token": torch.zeros(1, 1, 8)}}, OUT / "deit-distilled.pth")
    torch.save(bare, OUT / "dino.pth", _use_new_zipfile_serialization=False)
    torch.save(dino(bare), OUT / "dino-full.pth")
    torch.save(torchvision(whole), OUT / "torchvision.pth")
    torch.save(huggingface(whole), OUT / "huggingface.bin")
