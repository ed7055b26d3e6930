"""PyTorch on the processor, as a peer: a line of JSON in on standard input, a line out on descriptor 3 (see ../child.ts).

    python pytorch.py <contiguous|channels_last>
"""

import json
import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

EPS = 1e-6
TURN_MS = 40
TURN_RUNS = 20
LAYOUT = torch.channels_last if sys.argv[1] == "channels_last" else torch.contiguous_format
replies = os.fdopen(3, "w")


def read(folder, name, shape):
    x = torch.from_numpy(np.fromfile(os.path.join(folder, name + ".f32"), np.float32)).reshape(shape)
    return x.contiguous(memory_format=LAYOUT) if len(shape) == 4 else x


def write(file, x):
    x.detach().contiguous().numpy().tofile(file)


class Op:
    """Forward, or forward and backward, of one layer."""

    def __init__(self, case, data):
        self.case, self.data = case, data
        self.inputs = [data[k].requires_grad_(case["gradients"]) for k in ("x", "weight", "bias") if k in data]

    def forward(self):
        if self.case["op"] == "softmax":
            return F.softmax(self.inputs[0], dim=-1)
        if self.case["op"] == "attention":
            tokens, heads, size = (self.case[k] for k in ("tokens", "heads", "size"))
            q, k, v = self.inputs[0].reshape(1, tokens, 3, heads, size).permute(2, 0, 3, 1, 4)
            return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(tokens, heads * size)
        x, weight, *bias = self.inputs
        if self.case["op"] == "add":
            return x + weight
        if self.case["op"] == "depthwise":
            return F.conv2d(x, weight, padding=self.case["kernel"] // 2, groups=self.case["channels"])
        if self.case["op"] == "linear":
            return F.linear(x, weight)
        return F.layer_norm(x, weight.shape, weight, bias[0], EPS)

    def run(self):
        if not self.case["gradients"]:
            with torch.inference_mode():
                self.results = [self.forward()]
            return
        y = self.forward()
        self.results = [y, *torch.autograd.grad(y, self.inputs, self.data["dy"])]

    def outputs(self):
        return dict(zip(("y", "dx", "dweight", "dbias"), self.results))


class Step:
    """One step of a model with AdamW."""

    def __init__(self, case, data):
        self.model = {"convnext-t": self.convnext, "deit-s16": self.vit}[case["model"]]
        self.x, self.targets = data.pop("x"), data.pop("targets")
        self.p = {name: value.requires_grad_() for name, value in data.items()}
        self.before = {name: value.detach().clone() for name, value in data.items() if value.dim() > 1}
        adam = case["adam"]
        self.optimizer = torch.optim.AdamW(
            self.p.values(), lr=adam["lr"], betas=(adam["beta1"], adam["beta2"]), eps=adam["eps"], weight_decay=0
        )
        self.losses = []

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.p[name + ".weight"], self.p[name + ".bias"], EPS)

    def norm_maps(self, x, name):
        return self.norm(x.permute(0, 2, 3, 1), name).permute(0, 3, 1, 2)

    def conv(self, x, name, **how):
        return F.conv2d(x, self.p[name + ".weight"], self.p[name + ".bias"], **how)

    def linear(self, x, name):
        return F.linear(x, self.p[name + ".weight"], self.p[name + ".bias"])

    def convnext(self, x):
        for stage, blocks in enumerate((3, 3, 9, 3)):
            down = f"downsample_layers.{stage}"
            if stage == 0:
                x = self.norm_maps(self.conv(x, down + ".0", stride=4), down + ".1")
            else:
                x = self.conv(self.norm_maps(x, down + ".0"), down + ".1", stride=2)
            for b in range(blocks):
                name = f"stages.{stage}.{b}"
                kernel = self.p[name + ".dwconv.weight"].shape[-1]
                y = self.conv(x, name + ".dwconv", padding=kernel // 2, groups=x.shape[1]).permute(0, 2, 3, 1)
                y = self.linear(F.gelu(self.linear(self.norm(y, name + ".norm"), name + ".pwconv1")), name + ".pwconv2")
                x = x + (self.p[name + ".gamma"] * y).permute(0, 3, 1, 2)
        return self.linear(self.norm(x.mean((2, 3)), "norm"), "head")

    def vit(self, x):
        heads, size = 6, 64
        x = self.conv(x, "patch_embed.proj", stride=16).flatten(2).transpose(1, 2)
        x = torch.cat((self.p["cls_token"].expand(len(x), -1, -1), x), 1) + self.p["pos_embed"]
        for b in range(12):
            name = f"blocks.{b}"
            qkv = self.linear(self.norm(x, name + ".norm1"), name + ".attn.qkv")
            q, k, v = qkv.reshape(*x.shape[:2], 3, heads, size).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            x = x + self.linear(y, name + ".attn.proj")
            y = F.gelu(self.linear(self.norm(x, name + ".norm2"), name + ".mlp.fc1"))
            x = x + self.linear(y, name + ".mlp.fc2")
        return self.linear(self.norm(x[:, 0], "norm"), "head")

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(self.x), self.targets)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())

    def outputs(self):
        while len(self.losses) < 2:
            self.run()
        changes = [(self.p[name] - value).contiguous().flatten() for name, value in self.before.items()]
        return {"losses": torch.tensor(self.losses[:2]), "change": torch.cat(changes)}


def timed(work):
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def turn():
    global last
    before = time.process_time()
    if last < TURN_MS:
        job.run()
    times = []
    while True:
        last = timed(job.run)
        times.append(last)
        if sum(times) + last >= TURN_MS or len(times) >= TURN_RUNS:
            return {"times": times, "cpuMs": 1000 * (time.process_time() - before)}


def prepare(request):
    global job, last
    case = request["case"]
    data = {name: read(request["folder"], name, shape) for name, shape in request["inputs"]}
    start = time.perf_counter()
    job = (Step if case["op"] == "step" else Op)(case, data)
    job.run()
    last = 1000 * (time.perf_counter() - start)
    runs_on = f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {sys.argv[1]}"
    return {"firstMs": last, "runsOn": runs_on}


def answer(request):
    global job
    if request["do"] == "prepare":
        return prepare(request)
    if request["do"] == "turn":
        return turn()
    if request["do"] == "outputs":
        for name, x in job.outputs().items():
            write(request["prefix"] + name + ".f32", x)
    if request["do"] == "drop":
        job = None
    return {}


job, last = None, math.inf
for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as error:  # whatever it is, it is this case's result
        reply = {"error": (str(error) or type(error).__name__).split("\n")[0]}
    replies.write(json.dumps(reply) + "\n")
    replies.flush()
