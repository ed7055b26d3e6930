"""Test accuracy of a linear classifier (softmax regression) on the built-in part of Fashion-MNIST.

    python scripts/fashion-mnist-baseline.py data/fashion-mnist

Full-batch L-BFGS on pixels normalised to mean 0 and standard deviation 1, for several strengths of L2 regularisation; every
result is printed, so the best one is an upper bound chosen on the test set. Needs PyTorch and numpy.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
import torch

torch.manual_seed(0)


def load(folder, stem):
    images = np.frombuffer(gzip.open(folder / f"{stem}-images-idx3-ubyte.gz").read(), np.uint8, offset=16)
    labels = np.frombuffer(gzip.open(folder / f"{stem}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    x = torch.tensor(images.reshape(len(labels), -1) / 255, dtype=torch.float64)
    return (x - 0.28604059) / 0.35302424, torch.tensor(labels.astype(np.int64))


def main(folder):
    (x, y), (x_test, y_test) = load(folder, "train"), load(folder, "t10k")
    for decay in [0.0, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1]:
        linear = torch.nn.Linear(x.shape[1], 10).double()
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
        solver = torch.optim.LBFGS(linear.parameters(), max_iter=300, line_search_fn="strong_wolfe")

        def closure():
            solver.zero_grad()
            loss = torch.nn.functional.cross_entropy(linear(x), y) + decay / 2 * linear.weight.square().sum()
            loss.backward()
            return loss

        solver.step(closure)
        with torch.no_grad():
            train = (linear(x).argmax(1) == y).double().mean().item()
            test = (linear(x_test).argmax(1) == y_test).double().mean().item()
        print(f"decay {decay:g}: train {100 * train:.2f} %, test {100 * test:.2f} %")


main(Path(sys.argv[1]))
