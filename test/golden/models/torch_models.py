"""ConvNeXt (plain and in SLaK's framework), RepLKNet, ResNet, BiT, Robust-ResNet and vision transformers in PyTorch, written from the papers
and the official state-dict names, as oracles for src/models. Weights, images and targets come from a formula that test/models/formula.ts repeats."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


# ---------------------------------------------------------------------------------------------------------- formula data

def fnv1a(name):
    h = 0x811C9DC5
    for ch in name.encode():
        h = ((h ^ ch) * 0x01000193) & 0xFFFFFFFF
    return h


def uniform(name, n):
    """n numbers in [-1, 1): murmur3's finaliser of hash(name) + index."""
    x = (np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B9) + np.uint64(fnv1a(name))) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2.0**31 - 1.0


def formula(name, shape):
    """The value of a state-dict entry, float32 numbers in float64."""
    n = int(np.prod(shape))
    u = uniform(name, n)
    if name.endswith("running_var"):
        v = 1 + 0.5 * u
    elif name.endswith("gamma"):
        v = 0.5 + 0.25 * u
    elif len(shape) >= 2:
        v = math.sqrt(3 / (n / shape[0])) * u
    elif name.endswith(".weight"):
        v = 1 + 0.2 * u
    else:
        v = 0.2 * u
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(shape))


def images(n, channels, size):
    v = 1.7 * uniform("x", n * channels * size * size)
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(n, channels, size, size))


def targets(n, classes):
    v = (uniform("targets", n * classes).reshape(n, classes) + 1) ** 2
    v = v / v.sum(1, keepdims=True)
    return torch.from_numpy(v.astype(np.float32).astype(np.float64))


def load_formula(model):
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                value.copy_(formula(name, tuple(value.shape)))
    return model


# --------------------------------------------------------------------------------------------------------------- blocks

class DropPath(nn.Module):
    """Multiplies each sample by a mask given from outside; `masks` maps module path -> (n)."""

    masks = {}

    def __init__(self, path):
        super().__init__()
        self.path = path

    def forward(self, x):
        mask = DropPath.masks.get(self.path)
        return x if mask is None or not self.training else x * mask.view(-1, *[1] * (x.ndim - 1))


class ChannelsFirstNorm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c))
        self.bias = nn.Parameter(torch.zeros(c))

    def forward(self, x):
        return F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],), self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


def conv_bn(cin, cout, k, stride=1, groups=1, bn=True):
    kh, kw = (k, k) if isinstance(k, int) else k
    seq = nn.Sequential()
    seq.add_module("conv", nn.Conv2d(cin, cout, (kh, kw), stride, (kh // 2, kw // 2), groups=groups, bias=False))
    if bn:
        seq.add_module("bn", nn.BatchNorm2d(cout))
    return seq


class LargeKernel(nn.Module):
    def __init__(self, c, k, strips, small, bn=True, merged=False):
        super().__init__()
        self.merged = merged
        if merged:
            self.lkb_reparam = nn.Conv2d(c, c, k, 1, k // 2, groups=c)
            return
        if strips:
            self.LoRA1 = conv_bn(c, c, (k, strips), 1, c, bn)
            self.LoRA2 = conv_bn(c, c, (strips, k), 1, c, bn)
        else:
            self.lkb_origin = conv_bn(c, c, k, 1, c, bn)
        if small:
            self.small_conv = conv_bn(c, c, small, 1, c, bn)

    def forward(self, x):
        return sum(branch(x) for branch in self.children())


# ------------------------------------------------------------------------------------------------------------- ConvNeXt

class ConvNeXtBlock(nn.Module):
    def __init__(self, c, k, path, cfg):
        super().__init__()
        if cfg["variant"] == "plain":
            self.dwconv = nn.Conv2d(c, c, k, 1, k // 2, groups=c)
        else:
            small = cfg.get("small")
            self.large_kernel = LargeKernel(
                c, k, small if cfg.get("decomposed") else None, small if small and small < k else None,
                cfg.get("bn", True))
        self.norm = nn.LayerNorm(c, eps=1e-6)
        self.pwconv1 = nn.Linear(c, 4 * c)
        self.pwconv2 = nn.Linear(4 * c, c)
        self.gamma = nn.Parameter(torch.ones(c))
        self.drop = DropPath(path)

    def forward(self, x):
        y = self.dwconv(x) if hasattr(self, "dwconv") else self.large_kernel(x)
        y = self.norm(y.permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + self.drop(y.permute(0, 3, 1, 2))


class ConvNeXt(nn.Module):
    def __init__(self, depths, dims, kernels, classes, channels=3, stemPatch=4, stemStride=4, widthFactor=1, **cfg):
        super().__init__()
        cfg.setdefault("variant", "plain")
        dims = [int(d * widthFactor) for d in dims]
        self.downsample_layers = nn.ModuleList([nn.Sequential(
            nn.Conv2d(channels, dims[0], stemPatch, stemStride, (stemPatch - stemStride) // 2),
            ChannelsFirstNorm(dims[0]))])
        for a, b in zip(dims, dims[1:]):
            self.downsample_layers.append(nn.Sequential(ChannelsFirstNorm(a), nn.Conv2d(a, b, 2, 2)))
        self.stages = nn.ModuleList(
            nn.Sequential(*[ConvNeXtBlock(dims[s], kernels[s], f"stages.{s}.{b}", cfg) for b in range(depth)])
            for s, depth in enumerate(depths))
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        self.head = nn.Linear(dims[-1], classes)

    def forward(self, x):
        for down, stage in zip(self.downsample_layers, self.stages):
            x = stage(down(x))
        return self.head(self.norm(x.mean((2, 3))))


# ------------------------------------------------------------------------------------------------------------- RepLKNet

class RepLKBlock(nn.Module):
    def __init__(self, c, k, small, ratio, merged, path):
        super().__init__()
        d = int(c * ratio)
        self.prelkb_bn = nn.BatchNorm2d(c)
        self.pw1 = conv_bn(c, d, 1)
        self.large_kernel = LargeKernel(d, k, None, small, merged=merged)
        self.pw2 = conv_bn(d, c, 1)
        self.drop = DropPath(path)

    def forward(self, x):
        y = F.relu(self.pw1(self.prelkb_bn(x)))
        y = F.relu(self.large_kernel(y))
        return x + self.drop(self.pw2(y))


class ConvFFN(nn.Module):
    def __init__(self, c, ratio, path):
        super().__init__()
        self.preffn_bn = nn.BatchNorm2d(c)
        self.pw1 = conv_bn(c, int(c * ratio), 1)
        self.pw2 = conv_bn(int(c * ratio), c, 1)
        self.drop = DropPath(path)

    def forward(self, x):
        return x + self.drop(self.pw2(F.gelu(self.pw1(self.preffn_bn(x)))))


class Stage(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class RepLKNet(nn.Module):
    def __init__(self, layers, dims, kernels, small, classes, channels=3, dwRatio=1, ffnRatio=4, merged=False, **_):
        super().__init__()
        c = dims[0]
        self.stem = nn.ModuleList([
            conv_bn(channels, c, 3, 2), conv_bn(c, c, 3, 1, c), conv_bn(c, c, 1), conv_bn(c, c, 3, 2, c)])
        stages = []
        for s, count in enumerate(layers):
            blocks = []
            for b in range(count):
                path = f"stages.{s}.blocks."
                blocks.append(RepLKBlock(dims[s], kernels[s], small, dwRatio, merged, path + str(2 * b)))
                blocks.append(ConvFFN(dims[s], ffnRatio, path + str(2 * b + 1)))
            stages.append(Stage(blocks))
        self.stages = nn.ModuleList(stages)
        self.transitions = nn.ModuleList(
            nn.ModuleList([conv_bn(a, b, 1), conv_bn(b, b, 3, 2, b)]) for a, b in zip(dims, dims[1:]))
        self.norm = nn.BatchNorm2d(dims[-1])
        self.head = nn.Linear(dims[-1], classes)

    def forward(self, x):
        for layer in self.stem:
            x = F.relu(layer(x))
        for s, stage in enumerate(self.stages):
            x = stage(x)
            if s < len(self.transitions):
                for layer in self.transitions[s]:
                    x = F.relu(layer(x))
        return self.head(self.norm(x).mean((2, 3)))


# --------------------------------------------------------------------------------------------------------------- ResNet

class BasicBlock(nn.Module):
    def __init__(self, cin, planes, stride, option):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.pad = (planes - cin) // 2 if option == "A" and (stride != 1 or cin != planes) else None
        if option == "B" and (stride != 1 or cin != planes):
            self.downsample = nn.Sequential(nn.Conv2d(cin, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.pad is not None:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        elif hasattr(self, "downsample"):
            x = self.downsample(x)
        return F.relu(y + x)


class Bottleneck(nn.Module):
    def __init__(self, cin, planes, stride, _):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        if stride != 1 or cin != 4 * planes:
            self.downsample = nn.Sequential(nn.Conv2d(cin, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    """kind: basic, bottleneck (torchvision) or cifar (option A)."""

    def __init__(self, kind, depths, planes, classes, channels=3, **_):
        super().__init__()
        self.kind = kind
        block, expansion = (Bottleneck, 4) if kind == "bottleneck" else (BasicBlock, 1)
        first = (3, 1, 1) if kind == "cifar" else (7, 2, 3)
        self.conv1 = nn.Conv2d(channels, planes[0], *first, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.count = len(depths)
        cin = planes[0]
        for s, (depth, width) in enumerate(zip(depths, planes)):
            blocks = []
            for b in range(depth):
                blocks.append(block(cin, width, 2 if s > 0 and b == 0 else 1, "A" if kind == "cifar" else "B"))
                cin = width * expansion
            setattr(self, f"layer{s + 1}", nn.Sequential(*blocks))
        setattr(self, "linear" if kind == "cifar" else "fc", nn.Linear(cin, classes))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if self.kind != "cifar":
            x = F.max_pool2d(x, 3, 2, 1)
        for s in range(self.count):
            x = getattr(self, f"layer{s + 1}")(x)
        x = x.mean((2, 3))
        return self.linear(x) if self.kind == "cifar" else self.fc(x)


# ------------------------------------------------------------------------------------------------------------------ BiT

class StdConv2d(nn.Conv2d):
    """google-research/big_transfer: bit_pytorch/models.py"""

    def __init__(self, cin, cout, k, stride=1):
        super().__init__(cin, cout, k, stride, k // 2, bias=False)

    def forward(self, x):
        v, m = torch.var_mean(self.weight, dim=[1, 2, 3], keepdim=True, unbiased=False)
        w = (self.weight - m) / torch.sqrt(v + 1e-10)
        return F.conv2d(x, w, None, self.stride, self.padding)


class PreActBottleneck(nn.Module):
    def __init__(self, cin, dim, stride, groups, first):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, cin)
        self.conv1 = StdConv2d(cin, dim, 1)
        self.norm2 = nn.GroupNorm(groups, dim)
        self.conv2 = StdConv2d(dim, dim, 3, stride)
        self.norm3 = nn.GroupNorm(groups, dim)
        self.conv3 = StdConv2d(dim, 4 * dim, 1)
        if first:
            self.downsample = nn.Sequential()
            self.downsample.add_module("conv", StdConv2d(cin, 4 * dim, 1, stride))

    def forward(self, x):
        a = F.relu(self.norm1(x))
        shortcut = self.downsample(a) if hasattr(self, "downsample") else x
        y = self.conv2(F.relu(self.norm2(self.conv1(a))))
        return self.conv3(F.relu(self.norm3(y))) + shortcut


class BiT(nn.Module):
    """ResNet-v2 under timm's names (resnetv2_*_bitm)."""

    def __init__(self, depths, dims, classes, groups=32, channels=3):
        super().__init__()
        self.stem = nn.Sequential()
        self.stem.add_module("conv", StdConv2d(channels, dims[0], 7, 2))
        stages, cin = [], dims[0]
        for s, (depth, dim) in enumerate(zip(depths, dims)):
            blocks = []
            for b in range(depth):
                blocks.append(PreActBottleneck(cin, dim, 2 if s > 0 and b == 0 else 1, groups, b == 0))
                cin = 4 * dim
            stages.append(Stage(blocks))
        self.stages = nn.ModuleList(stages)
        self.norm = nn.GroupNorm(groups, cin)
        self.head = nn.Sequential()
        self.head.add_module("fc", nn.Conv2d(cin, classes, 1))

    def forward(self, x):
        x = F.max_pool2d(F.pad(self.stem(x), (1, 1, 1, 1)), 3, 2)
        for stage in self.stages:
            x = stage(x)
        return self.head(F.relu(self.norm(x)).mean((2, 3), keepdim=True)).flatten(1)


# --------------------------------------------------------------------------------------------------------- Robust-ResNet

class RobustBlock(nn.Module):
    """UCSC-VLAA/RobustCNN: timm/models/layers/robust_resnet_blocks.py, with norms and activations where they are asked for."""

    def __init__(self, kind, cin, dim, k, stride, norms, activations, scale, path):
        super().__init__()
        wide, out = 4 * dim, 4 * dim if kind == "dw" else dim
        spatial = {"dw": dim, "inverted-dw": wide}.get(kind, dim)
        into = cin if kind == "up-inverted-dw" else spatial
        dw = nn.Conv2d(into, spatial, k, stride, k // 2, groups=into)
        if kind == "dw":
            order = [("pwconv1", nn.Conv2d(cin, dim, 1)), ("conv_dw", dw), ("pwconv2", nn.Conv2d(dim, wide, 1))]
        elif kind == "inverted-dw":
            order = [("pwconv1", nn.Conv2d(cin, wide, 1)), ("conv_dw", dw), ("pwconv2", nn.Conv2d(wide, dim, 1))]
        elif kind == "up-inverted-dw":
            order = [("conv_dw", dw), ("pwconv1", nn.Conv2d(dim, wide, 1)), ("pwconv2", nn.Conv2d(wide, dim, 1))]
        else:
            order = [("pwconv1", nn.Conv2d(cin, wide, 1)), ("pwconv2", nn.Conv2d(wide, dim, 1)), ("conv_dw", dw)]
        self.order, self.activations, self.position = [name for name, _ in order], activations, {}
        for i, (name, conv) in enumerate(order, 1):
            self.add_module(name, conv)
            if i in norms:
                self.position[i] = f"norm{i % 3 + 1 if kind == 'down-inverted-dw' else i}"
                self.add_module(self.position[i], nn.BatchNorm2d(conv.out_channels))
        if scale:
            self.gamma = nn.Parameter(torch.ones(out))
        if cin != out or stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(cin, out, 1, stride), nn.BatchNorm2d(out))
        self.drop = DropPath(path)

    def forward(self, x):
        y = x
        for i, name in enumerate(self.order, 1):
            y = getattr(self, name)(y)
            if i in self.position:
                y = getattr(self, self.position[i])(y)
            if i in self.activations:
                y = F.relu(y)
        if hasattr(self, "gamma"):
            y = y * self.gamma.view(1, -1, 1, 1)
        y = self.drop(y) + (self.downsample(x) if hasattr(self, "downsample") else x)
        return F.relu(y) if 4 in self.activations else y


class RobustResNet(nn.Module):
    DEFAULTS = {"dw": ([1], [4]), "inverted-dw": ([1], [1]), "up-inverted-dw": ([1], [2]), "down-inverted-dw": ([1], [1])}

    def __init__(self, kind, depths, dims, kernels, classes, strides, stem="patch", stemPatch=16, strideAt="first",
                 norms=None, activations=None, layerScale=0, channels=3, **_):
        super().__init__()
        norms = self.DEFAULTS[kind][0] if norms is None else norms
        activations = self.DEFAULTS[kind][1] if activations is None else activations
        if stem == "patch":
            self.stem = nn.Conv2d(channels, dims[0], stemPatch, stemPatch)
        else:
            self.stem = nn.Sequential(nn.Conv2d(channels, dims[0], 7, 2, 3), nn.BatchNorm2d(dims[0]), nn.ReLU(),
                                      nn.MaxPool2d(3, 2, 1))
        stages, cin = [], dims[0]
        for s, (depth, dim) in enumerate(zip(depths, dims)):
            blocks = []
            for b in range(depth):
                stride = strides[s] if b == 0 and (strideAt == "first" or s == 0) else 1
                if b == depth - 1 and strideAt == "before" and s + 1 < len(depths):
                    stride = max(stride, strides[s + 1])
                blocks.append(RobustBlock(kind, cin, dim, kernels[s], stride, norms, activations, layerScale,
                                          f"stages.{s}.blocks.{b}"))
                cin = 4 * dim if kind == "dw" else dim
            stages.append(Stage(blocks))
        self.stages = nn.ModuleList(stages)
        self.head = nn.Sequential()
        self.head.add_module("fc", nn.Linear(cin, classes))

    def forward(self, x):
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean((2, 3)))


# --------------------------------------------------------------------------------------------------- vision transformers

class Attention(nn.Module):
    """Probabilities written out, as timm computes them without fused kernels; kept for whoever asks."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        n, count, dim = x.shape
        q, k, v = self.qkv(x).reshape(n, count, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        self.probabilities = (q @ k.transpose(-2, -1) * (dim // self.heads) ** -0.5).softmax(-1)
        return self.proj((self.probabilities @ v).transpose(1, 2).reshape(n, count, dim))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class TransformerBlock(nn.Module):
    def __init__(self, dim, heads, hidden, path):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, hidden)
        self.drop_path1 = DropPath(f"{path}.drop_path1")
        self.drop_path2 = DropPath(f"{path}.drop_path2")

    def forward(self, x):
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    def __init__(self, channels, dim, patch):
        super().__init__()
        self.proj = nn.Conv2d(channels, dim, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """timm/models/vision_transformer.py; without `classes` a DINO backbone, whose output is the class token's features."""

    def __init__(self, dim, depth, heads, imageSize, patch=16, classes=0, channels=3, mlpRatio=4, **_):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, (imageSize // patch) ** 2 + 1, dim))
        self.patch_embed = PatchEmbed(channels, dim, patch)
        self.blocks = nn.Sequential(
            *[TransformerBlock(dim, heads, int(dim * mlpRatio), f"blocks.{i}") for i in range(depth)])
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        if classes:
            self.head = nn.Linear(dim, classes)

    def forward(self, x):
        x = self.patch_embed(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        x = self.norm(self.blocks(x))[:, 0]
        return self.head(x) if hasattr(self, "head") else x


def make(model, config):
    if model.startswith("bit-"):
        return BiT(**config)
    if model.startswith("robust-resnet-"):
        return RobustResNet(model[len("robust-resnet-"):], **config)
    if model.startswith(("vit", "deit", "dino")):
        return VisionTransformer(**config)
    if model.startswith("convnext"):
        return ConvNeXt(**config)
    if model.startswith("replknet"):
        return RepLKNet(**config)
    return ResNet({"resnet18": "basic", "resnet50": "bottleneck", "resnet20": "cifar"}[model], **config)
