"""The training path as PyTorch programs have it: a DataLoader with one worker, Pillow, and the transforms of torchvision and timm.

    python pytorch.py FOLDER BATCH

For each line on standard input it goes through the folder's images once and prints a line of JSON: images, and the seconds of processor
time that the worker and this process took. The transforms are written out after pytorch/vision torchvision/transforms and
huggingface/pytorch-image-models timm/data, so that neither need be there.
"""

import json
import math
import os
import random
import sys
import time

import numpy
import PIL
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch.utils.data import DataLoader, Dataset, default_collate

SIZE = 224
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
FILL = (124, 116, 104)


def random_resized_crop(image):
    width, height = image.size
    for _ in range(10):
        area = random.uniform(0.08, 1) * width * height
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w = round(math.sqrt(area * ratio))
        h = round(math.sqrt(area / ratio))
        if w <= width and h <= height:
            left = random.randint(0, width - w)
            top = random.randint(0, height - h)
            break
    else:
        w, h, left, top = min(width, height), min(width, height), 0, 0
    return image.crop((left, top, left + w, top + h)).resize((SIZE, SIZE), Image.BICUBIC)


def affine(image, matrix):
    return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BICUBIC, fillcolor=FILL)


def solarize_add(image, add):
    return image.point([min(255, i + add) if i < 128 else i for i in range(256)] * 3)


def posterize(image, bits):
    return image if bits >= 8 else ImageOps.posterize(image, bits)


def signed(value):
    return -value if random.random() > 0.5 else value


def factor(level):
    return max(0.1, 1.0 + signed(level / 10 * 0.9))


# rand-m9-mstd0.5-inc1: each operation by the magnitude's level.
OPERATIONS = [
    lambda image, level: ImageOps.autocontrast(image),
    lambda image, level: ImageOps.equalize(image),
    lambda image, level: ImageOps.invert(image),
    lambda image, level: image.rotate(signed(level / 10 * 30), resample=Image.BICUBIC, fillcolor=FILL),
    lambda image, level: posterize(image, 4 - int(level / 10 * 4)),
    lambda image, level: ImageOps.solarize(image, 256 - int(level / 10 * 256)),
    lambda image, level: solarize_add(image, min(128, int(level / 10 * 110))),
    lambda image, level: ImageEnhance.Color(image).enhance(factor(level)),
    lambda image, level: ImageEnhance.Contrast(image).enhance(factor(level)),
    lambda image, level: ImageEnhance.Brightness(image).enhance(factor(level)),
    lambda image, level: ImageEnhance.Sharpness(image).enhance(factor(level)),
    lambda image, level: affine(image, (1, signed(level / 10 * 0.3), 0, 0, 1, 0)),
    lambda image, level: affine(image, (1, 0, 0, signed(level / 10 * 0.3), 1, 0)),
    lambda image, level: affine(image, (1, 0, signed(level / 10 * 0.45) * image.size[0], 0, 1, 0)),
    lambda image, level: affine(image, (1, 0, 0, 0, 1, signed(level / 10 * 0.45) * image.size[1])),
]


def rand_augment(image):
    for operation in numpy.random.choice(OPERATIONS, 2):
        if random.random() > 0.5:
            continue
        image = operation(image, max(0.0, min(10.0, random.gauss(9, 0.5))))
    return image


def to_tensor(image):
    x = torch.from_numpy(numpy.array(image, copy=True)).permute((2, 0, 1)).contiguous()
    return x.to(torch.float32).div(255)


def normalize(x):
    mean = torch.as_tensor(MEAN).view(-1, 1, 1)
    std = torch.as_tensor(STD).view(-1, 1, 1)
    return x.clone().sub_(mean).div_(std)


def random_erasing(x):
    if random.random() > 0.25:
        return x
    for _ in range(10):
        area = random.uniform(0.02, 1 / 3) * SIZE * SIZE
        ratio = math.exp(random.uniform(math.log(0.3), math.log(1 / 0.3)))
        h = int(round(math.sqrt(area * ratio)))
        w = int(round(math.sqrt(area / ratio)))
        if w < SIZE and h < SIZE:
            top = random.randint(0, SIZE - h)
            left = random.randint(0, SIZE - w)
            x[:, top : top + h, left : left + w] = torch.empty((3, h, w)).normal_()
            break
    return x


class Photographs(Dataset):
    def __init__(self, folder):
        names = sorted(os.listdir(folder))
        self.samples = [(os.path.join(folder, name, file), label) for label, name in enumerate(names) for file in sorted(os.listdir(os.path.join(folder, name)))]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, label = self.samples[index]
        with open(path, "rb") as f:
            image = Image.open(f).convert("RGB")
        image = random_resized_crop(image)
        if random.random() < 0.5:
            image = image.transpose(Image.FLIP_LEFT_RIGHT)
        return random_erasing(normalize(to_tensor(rand_augment(image)))), label


def collate(samples):
    """With the processor time that the worker has used so far."""
    return default_collate(samples), time.process_time()


def main():
    folder, batch = sys.argv[1], int(sys.argv[2])
    torch.manual_seed(0)
    loader = DataLoader(Photographs(folder), batch, shuffle=True, num_workers=1, persistent_workers=True, collate_fn=collate)
    print(json.dumps({"torch": torch.__version__, "Pillow": PIL.__version__}), flush=True)
    worker = 0.0
    for _ in sys.stdin:
        start = time.process_time()
        images = 0
        last = worker
        for (x, _), used in loader:
            images += len(x)
            last = used
        print(json.dumps({"images": images, "seconds": time.process_time() - start + last - worker}), flush=True)
        worker = last


main()
