"""Cuts the built-in part of Fashion-MNIST: the first 1,000 training and 200 test images of each class.

    apt-get install dataset-fashion-mnist
    python3 scripts/make-fashion-mnist.py /usr/share/datasets/fashion-mnist data/fashion-mnist

Order is kept. The output depends on the input alone: no time stamp or file name in the gzip header.
Needs Python 3.8 or later, nothing else.
"""

import gzip
import hashlib
import io
import struct
import sys
from pathlib import Path

PER_CLASS = {"train": 1000, "t10k": 200}
PIXELS = 28 * 28


def read_idx(path, rank):
    data = gzip.decompress(path.read_bytes())
    magic, *dims = struct.unpack(f">{rank + 1}I", data[: 4 * (rank + 1)])
    assert magic == 0x800 + rank, f"{path}: {magic:#x}"
    return dims, data[4 * (rank + 1) :]


def write_idx(path, dims, data):
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as file:
        file.write(struct.pack(f">{len(dims) + 1}I", 0x800 + len(dims), *dims) + data)
    path.write_bytes(packed.getvalue())
    print(f"{hashlib.sha256(packed.getvalue()).hexdigest()}  {path.name}  {len(packed.getvalue())} bytes")


def main(source, target):
    for stem, wanted in PER_CLASS.items():
        (count, height, width), images = read_idx(source / f"{stem}-images-idx3-ubyte.gz", 3)
        (_,), labels = read_idx(source / f"{stem}-labels-idx1-ubyte.gz", 1)
        assert (height, width) == (28, 28) and len(labels) == count
        taken = [0] * 10
        chosen = []
        for i, label in enumerate(labels):
            if taken[label] < wanted:
                taken[label] += 1
                chosen.append(i)
        assert taken == [wanted] * 10, taken
        pixels = b"".join(images[i * PIXELS : (i + 1) * PIXELS] for i in chosen)
        write_idx(target / f"{stem}-images-idx3-ubyte.gz", [len(chosen), 28, 28], pixels)
        write_idx(target / f"{stem}-labels-idx1-ubyte.gz", [len(chosen)], bytes(labels[i] for i in chosen))


main(Path(sys.argv[1]), Path(sys.argv[2]))
