"""torch.nn.functional.scaled_dot_product_attention on timm's packed rows, and its gradient, in float64 -> attention.json"""
import json, pathlib, torch

torch.manual_seed(0)
BATCH, TOKENS, HEADS, SIZE = 2, 5, 2, 3
qkv = torch.randn(BATCH * TOKENS, 3 * HEADS * SIZE, dtype=torch.float64, requires_grad=True)
dy = torch.randn(BATCH * TOKENS, HEADS * SIZE, dtype=torch.float64)
# timm/models/vision_transformer.py, Attention.forward
q, k, v = qkv.reshape(BATCH, TOKENS, 3, HEADS, SIZE).permute(2, 0, 3, 1, 4)
y = torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(BATCH * TOKENS, HEADS * SIZE)
y.backward(dy)
scores = (q @ k.transpose(-2, -1)) * SIZE ** -0.5
tensors = dict(qkv=qkv, dy=dy, y=y, dqkv=qkv.grad, logsumexp=scores.logsumexp(-1), probabilities=scores.softmax(-1))
out = {name: value.detach().flatten().tolist() for name, value in tensors.items()}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
