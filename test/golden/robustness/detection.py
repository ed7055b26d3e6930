"""Detection of unknown images from small logits, by definition (numpy): `python detection.py > detection.json`."""
import json
import numpy as np

rng = np.random.default_rng(7)
known = np.round(rng.normal(size=(14, 5)) * 2, 1)
known[:, 0] += 2
unknown = np.round(rng.normal(size=(9, 5)) * 2, 1)
unknown[0] = known[3]  # a tie


def scores(z):
    p = np.exp(z - z.max(1, keepdims=True))
    return {
        "max softmax": -(p / p.sum(1, keepdims=True)).max(1),
        "max logit": -z.max(1),
        "energy": -np.log(np.exp(z).sum(1)),
    }


def auroc(pos, neg):
    d = pos[:, None] - neg[None]
    return ((d > 0) + 0.5 * (d == 0)).mean()


def delong(pos, neg):
    d = pos[:, None] - neg[None]
    v = (d > 0) + 0.5 * (d == 0)
    return np.sqrt(v.mean(1).var(ddof=1) / len(pos) + v.mean(0).var(ddof=1) / len(neg))


def fpr(pos, neg):
    return min((neg >= t).mean() for t in pos if (pos >= t).mean() >= 0.95)


def average_precision(pos, neg):
    total, before = 0, 0
    for t in sorted(set(np.concatenate([pos, neg])), reverse=True):
        tp, fp = (pos >= t).sum(), (neg >= t).sum()
        total, before = total + (tp - before) / len(pos) * tp / (tp + fp), tp
    return total


out = {}
k, u = scores(known), scores(unknown)
for name in k:
    a, b = u[name], k[name]
    out[name] = {
        "auroc": auroc(a, b),
        "halfInterval": 1.959963984540054 * delong(a, b),
        "fpr95": fpr(-b, -a),
        "fpr95-unknown": fpr(a, b),
        "aupr": average_precision(a, b),
        "aupr-known": average_precision(-b, -a),
    }
print(json.dumps({"known": known.tolist(), "unknown": unknown.tolist(), "expected": out}))
