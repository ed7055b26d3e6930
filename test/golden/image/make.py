"""Reference pixels for src/data/image and src/data/augment, made with Pillow 9.4 and PyTorch 2.13.

Run in this folder: python make.py [folder with fixtures.json of the corruption assets]. The photographs (CC BY 2.0, see attribution.csv) are inputs;
everything under kinds/ and all .json files are outputs. The operations' arguments are written from their published definitions.
"""

import hashlib
import io
import json
import math
import os
import struct
import sys
import warnings
import zlib

import numpy as np
import torch
from PIL import Image, ImageCms, ImageEnhance, ImageFilter, ImageOps

warnings.simplefilter("ignore")
PHOTOS = ["dough.jpg", "beetle.jpg"]
FILL = (124, 116, 104)


def digest(image):
    """Size, first 16 hex digits of the SHA-256 of the RGB bytes, and seven sampled pixels [x, y, r, g, b]."""
    pixels = np.asarray(image.convert("RGB"))
    h, w, _ = pixels.shape
    points = [((i * 71 + 7) % w, (i * 53 + 5) % h) for i in range(7)]
    return {
        "size": [w, h],
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()[:16],
        "pixels": [[x, y, *map(int, pixels[y, x])] for x, y in points],
    }


def write(name, rows):
    with open(name, "w") as file:
        if isinstance(rows, dict):
            json.dump(rows, file)
        else:
            file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path, depth, colour, lines, extra=b""):
    """A PNG written by hand, for the kinds Pillow cannot write. `lines` (h, bytes in a row) are raw bytes."""
    h = len(lines)
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    w = lines.shape[1] * 8 // (depth * channels)
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0)
    raw = b"".join(b"\0" + line.tobytes() for line in lines)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + body)


def interlaced(source, path):
    """Rewrites an 8-bit RGB PNG's pixels in Adam7 order."""
    pixels = np.asarray(Image.open(source).convert("RGB"))
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b"".join(
        b"\0" + line.tobytes() for x, y, dx, dy in passes for line in pixels[y::dy, x::dx] if line.size
    )
    h, w, _ = pixels.shape
    head = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 1)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def make_kinds():
    os.makedirs("kinds", exist_ok=True)
    os.chdir("kinds")
    small = Image.open("../" + PHOTOS[0]).convert("RGB").resize((61, 47), Image.BICUBIC)
    grey = small.convert("L")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for subsampling in (0, 1, 2):
        small.save(f"rgb-{subsampling}.jpg", quality=90, subsampling=subsampling)
    small.save("progressive.jpg", quality=80, progressive=True)
    grey.save("grey.jpg", quality=90)
    exif = Image.Exif()
    exif[0x112] = 6
    small.save("exif-rotated.jpg", quality=90, exif=exif)
    small.save("profile.jpg", quality=90, icc_profile=profile)
    inks = np.array(small.convert("CMYK"))
    inks[..., 3] = inks[..., 0] // 3
    Image.fromarray(inks, "CMYK").save("cmyk.jpg", quality=92)
    data = open("cmyk.jpg", "rb").read()
    at = data.find(b"\xff\xee")
    ycck = bytearray(data)
    ycck[at + 15] = 2
    open("ycck.jpg", "wb").write(ycck)
    open("cmyk-no-adobe.jpg", "wb").write(data[:at] + data[at + 16 :])
    data = open("rgb-2.jpg", "rb").read()
    open("truncated.jpg", "wb").write(data[: len(data) // 2])
    open("no-end.jpg", "wb").write(data[:-2])
    open("trailing.jpg", "wb").write(data + b"trailing bytes")

    small.save("rgb.png")
    interlaced("rgb.png", "interlaced.png")
    grey.save("grey.png")
    small.convert("1").save("bilevel.png")
    Image.merge("RGBA", (*small.split(), grey)).save("rgba.png")
    Image.merge("LA", (grey, small.split()[0])).save("grey-alpha.png")
    palette = small.quantize(200)
    palette.save("palette.png")
    palette.save("palette-alpha.png", transparency=bytes(range(200)))
    small.quantize(13).save("palette-4.png", bits=4)
    small.save("rgb-key.png", transparency=(10, 20, 30))
    small.save("profile.png", icc_profile=profile)
    rng = np.random.default_rng(0)

    def noise(width, top=256):
        return rng.integers(0, top, (13, width))

    png("rgb-16.png", 16, 2, noise(17 * 3, 65536).astype(">u2").view("u1"))
    png("rgba-16.png", 16, 6, noise(17 * 4, 65536).astype(">u2").view("u1"))
    png("grey-16.png", 16, 0, noise(17, 400).astype(">u2").view("u1"))
    png("grey-alpha-16.png", 16, 4, noise(17 * 2, 65536).astype(">u2").view("u1"))
    png("grey-2.png", 2, 0, noise(5).astype("u1"))
    png("grey-4.png", 4, 0, noise(9).astype("u1"))
    png("gamma.png", 8, 2, noise(17 * 3).astype("u1"), chunk(b"gAMA", struct.pack(">I", 100000)))
    data = open("rgb.png", "rb").read()
    open("truncated.png", "wb").write(data[: len(data) // 2])
    open("page.jpg", "w").write("<html>404 not found</html>\n")
    small.crop((0, 0, 8, 8)).save("picture.gif")
    os.chdir("..")


def make_decode():
    rows = []
    for name in PHOTOS + [f"kinds/{file}" for file in sorted(os.listdir("kinds"))]:
        if name.endswith(".gif"):
            continue
        try:
            with open(name, "rb") as file:
                image = Image.open(file)
                rows.append({"file": name, "mode": image.mode, **digest(image.convert("RGB"))})
        except OSError as error:
            rows.append({"file": name, "error": type(error).__name__})
    write("decode.json", rows)


def make_encode(photos):
    rows = []
    for name, image in photos.items():
        for size, quality in (((224, 224), 85), ((61, 47), 85), ((224, 224), 10)):
            source = image.crop((3, 5, 3 + size[0], 5 + size[1]))
            buffer = io.BytesIO()
            source.save(buffer, "JPEG", quality=quality, optimize=True)
            row = {"photo": name, "crop": [3, 5, *size], "quality": quality, "bytes": len(buffer.getvalue())}
            rows.append({**row, **digest(Image.open(buffer))})
    write("encode.json", rows)


def make_resize(photos):
    filters = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "box": Image.BOX}
    sizes = [(224, 224), (97, 131), (301, 299), (450, 333), (17, 500), (1, 1), (299, 64), (64, 299), (5, 3)]
    boxes = [None, (13, 29, 163, 100), (0, 0, 31, 299), (250, 290, 299, 299), (100, 100, 102, 101)]
    rows = []
    for name, image in photos.items():
        for kind, filter_ in filters.items():
            for box in boxes:
                for size in sizes if box is None else [(224, 224), (48, 33)]:
                    out = (image.crop(box) if box else image).resize(size, filter_)
                    row = {"photo": name, "filter": kind, "to": size, "box": box}
                    rows.append({**row, **digest(out)})
    write("resize.json", rows)


def argument(op, m, sign, increasing):
    level = m / 10
    if op == "Rotate":
        return sign * level * 30
    if op == "Posterize":
        return 4 - int(level * 4) if increasing else int(level * 4)
    if op == "Solarize":
        return 256 - int(level * 256) if increasing else int(level * 256)
    if op == "SolarizeAdd":
        return min(128, int(level * 110))
    if op in ("Color", "Contrast", "Brightness", "Sharpness"):
        return max(0.1, 1 + sign * level * 0.9) if increasing else level * 1.8 + 0.1
    if op in ("ShearX", "ShearY"):
        return sign * level * 0.3
    if op in ("TranslateXRel", "TranslateYRel"):
        return sign * level * 0.45
    return 0


def apply(op, value, image, resample=Image.BICUBIC):
    def warp(matrix):
        return image.transform(image.size, Image.AFFINE, matrix, resample=resample, fillcolor=FILL)

    def solarize_add():
        return image.point([min(255, v + value) if v < 128 else v for v in range(256)] * 3)

    return {
        "AutoContrast": lambda: ImageOps.autocontrast(image),
        "Equalize": lambda: ImageOps.equalize(image),
        "Invert": lambda: ImageOps.invert(image),
        "Rotate": lambda: image.rotate(value, resample=resample, fillcolor=FILL),
        "Posterize": lambda: ImageOps.posterize(image, value),
        "Solarize": lambda: ImageOps.solarize(image, value),
        "SolarizeAdd": solarize_add,
        "Color": lambda: ImageEnhance.Color(image).enhance(value),
        "Desaturate": lambda: ImageEnhance.Color(image).enhance(value),
        "Contrast": lambda: ImageEnhance.Contrast(image).enhance(value),
        "Brightness": lambda: ImageEnhance.Brightness(image).enhance(value),
        "Sharpness": lambda: ImageEnhance.Sharpness(image).enhance(value),
        "ShearX": lambda: warp((1, value, 0, 0, 1, 0)),
        "ShearY": lambda: warp((1, 0, 0, value, 1, 0)),
        "TranslateXRel": lambda: warp((1, 0, value * image.width, 0, 1, 0)),
        "TranslateYRel": lambda: warp((1, 0, 0, 0, 1, value * image.height)),
        "GaussianBlur": lambda: image.filter(ImageFilter.GaussianBlur(value)),
    }[op]()


OPS = (
    "AutoContrast Equalize Invert Rotate Posterize Solarize SolarizeAdd Color Contrast Brightness Sharpness "
    "ShearX ShearY TranslateXRel TranslateYRel"
).split()
SIGNED = {"Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel"}
ENHANCE = {"Color", "Contrast", "Brightness", "Sharpness"}


def make_ops(photos):
    rows = []
    for name, image in photos.items():
        # An odd, non-square part with a dark corner, so that histograms have gaps and the centre is a half pixel.
        image = image.crop((20, 30, 217, 171))
        for op in OPS:
            plain = op in ("AutoContrast", "Equalize", "Invert")
            for m in [9] if plain else [0, 0.5, 3.3, 5, 7.5, 9, 9.6, 10]:
                for increasing in [True] if plain or op in SIGNED else [True, False]:
                    for sign in (1, -1) if op in SIGNED or (op in ENHANCE and increasing) else (1,):
                        value = argument(op, m, sign, increasing)
                        draw = {"op": op, "m": m, "sign": sign, "increasing": increasing, "argument": value}
                        rows.append({"photo": name, **draw, **digest(apply(op, value, image))})
        for op, value in [("Desaturate", 0), *(("GaussianBlur", r) for r in (0.1, 0.3, 0.77, 1, 1.37, 2, 6.5))]:
            rows.append({"photo": name, "op": op, "argument": value, **digest(apply(op, value, image))})
        for op, value in [("Rotate", 17.3), ("ShearX", -0.21), ("ShearY", 0.13), ("TranslateXRel", 0.321)]:
            result = digest(apply(op, value, image, Image.BILINEAR))
            rows.append({"photo": name, "op": op, "argument": value, "filter": "bilinear", **result})
    write("ops.json", rows)


def make_tensor(photos):
    image = photos[PHOTOS[0]].crop((40, 50, 61, 63))
    mean = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
    std = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
    x.sub_(mean).div_(std)
    # Sums are of the float32 bit patterns, so that one wrong rounding shows.
    bits = x.flatten().numpy().view(np.uint32)
    row = {"crop": [40, 50, 21, 13], "bits_sha256": hashlib.sha256(bits.tobytes()).hexdigest()}
    write("tensor.json", {**row, "first": [float(v) for v in x.flatten()[:8]]})


def make_mix():
    """timm's batch formulas on a tiny batch with given draws."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 2, 3, 5, generator=generator)
    labels = torch.tensor([0, 2, 1, 2])
    smoothing, classes = 0.1, 3
    off = smoothing / classes
    y = torch.full((4, classes), off).scatter_(1, labels.view(-1, 1), 1 - smoothing + off)
    lam = 0.3125
    mixed = x * lam + x.flip(0) * (1 - lam)
    cut = x.clone()
    cut[:, :, 1:3, 0:4] = x.flip(0)[:, :, 1:3, 0:4]
    kept = 1 - 2 * 4 / 15

    def flat(t):
        return [float(v) for v in t.flatten()]

    write(
        "mix.json",
        {
            "x": flat(x),
            "labels": labels.tolist(),
            "mixup": {"lambda": lam, "x": flat(mixed), "targets": flat(y * lam + y.flip(0) * (1 - lam))},
            "cutmix": {
                "box": [1, 3, 0, 4],
                "lambda": kept,
                "x": flat(cut),
                "targets": flat(y * kept + y.flip(0) * (1 - kept)),
            },
        },
    )


def make_preprocess(folder):
    """The resize-and-crop vectors of the corruption fixtures (Pillow), cut down to what is used here."""
    with open(os.path.join(folder, "fixtures.json")) as file:
        fixtures = json.load(file)
    write("preprocess.json", {"points_yx": fixtures["points_yx"], "cases": fixtures["preprocess"]})


if __name__ == "__main__":
    opened = {name: Image.open(name).convert("RGB") for name in PHOTOS}
    make_kinds()
    make_decode()
    make_encode(opened)
    make_resize(opened)
    make_ops(opened)
    make_tensor(opened)
    make_mix()
    if len(sys.argv) > 1:
        make_preprocess(sys.argv[1])
