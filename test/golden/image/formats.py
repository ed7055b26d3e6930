"""Small pictures in the formats beside JPEG and PNG, and their pixels as Pillow 9.4 gives them: formats/ and formats.json.

    python test/golden/image/formats.py
"""

import hashlib
import json
import os
import struct

import numpy as np
from PIL import Image

os.chdir(os.path.dirname(os.path.abspath(__file__)))
os.makedirs("formats", exist_ok=True)
rng = np.random.default_rng(0)
noise = Image.fromarray(rng.integers(0, 256, (9, 13, 3)).astype("u1"))
small = Image.open("dough.jpg").convert("RGB").resize((19, 15), Image.BICUBIC)
grey = small.convert("L")
alpha = Image.merge("RGBA", (*small.split(), grey))
bilevel = small.convert("1")
turned = Image.Exif()
turned[0x112] = 6


def save(image, name, **options):
    image.save(f"formats/{name}", **options)


save(small, "lossless.webp", lossless=True)
save(small, "lossy.webp", quality=80)
save(alpha, "alpha.webp", lossless=True, exact=True)
save(small, "turned.webp", lossless=True, exif=turned)
save(small.quantize(50), "animated.gif", save_all=True, append_images=[noise.resize((19, 15)).quantize(50)])
save(grey, "grey.gif")
save(small, "rgb.tif", compression="tiff_lzw")
save(small, "turned.tif", exif=turned)
save(small.convert("CMYK"), "cmyk.tif")
save(small.quantize(50), "palette.tif")
save(alpha, "alpha.tif")
save(bilevel, "fax.tif", compression="group4")
save(Image.fromarray(rng.integers(0, 400, (9, 13)).astype("u2")), "grey-16.tif")
save(small, "rgb.bmp")
save(alpha, "alpha.bmp")
save(grey, "grey.bmp")
save(small.quantize(13), "palette.bmp")
save(bilevel, "bilevel.bmp")
save(small, "rgb.ppm")
save(grey, "grey.pgm")
save(bilevel, "bilevel.pbm")


def bmp(name, bits, height, masks, pixels):
    """Kinds that Pillow reads but does not write."""
    head = struct.pack("<IiiHHIIiiII", 40, 13, height, 1, bits, 3 if masks else 0, len(pixels), 0, 0, 0, 0)
    extra = struct.pack(f"<{len(masks)}I", *masks)
    offset = 14 + 40 + len(extra)
    with open(f"formats/{name}", "wb") as file:
        file.write(struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset) + head + extra + pixels)


words = np.pad(rng.integers(0, 65536, (9, 13)), ((0, 0), (0, 1))).astype("<u2").tobytes()
bmp("555.bmp", 16, 9, [], words)
bmp("565.bmp", 16, 9, [0xF800, 0x7E0, 0x1F], words)
bmp("masks.bmp", 32, 9, [0xFF000000, 0xFF0000, 0xFF00], rng.integers(0, 256, 9 * 13 * 4).astype("u1").tobytes())
bmp("top-down.bmp", 24, -9, [], np.pad(np.asarray(noise)[..., ::-1].reshape(9, 39), ((0, 0), (0, 1))).tobytes())


def pnm(name, text, raw=b""):
    with open(f"formats/{name}", "wb") as file:
        file.write(text.encode() + raw)


numbers = rng.integers(0, 101, (4, 5, 3))
pnm("maximum.ppm", "P6\n# of a hundred\n5 4 100\n", numbers.astype("u1").tobytes())
pnm("text.ppm", "P3 5 4\n100\n" + " ".join(map(str, numbers.flatten())) + "\n")
pnm("text.pgm", "P2\n5 4 # wide, high\n15\n" + "\n".join(str(n % 16) for n in range(20)) + "\n")
pnm("text.pbm", "P1\n5 4\n01011 10100\n1 1 0 0 1\n00000\n")
pnm("deep.ppm", "P6 5 4 65535\n", rng.integers(0, 65536, 60).astype(">u2").tobytes())
pnm("deep.pgm", "P5 5 4 65535\n", rng.integers(0, 400, 20).astype(">u2").tobytes())

rows = []
for name in sorted(os.listdir("formats")):
    pixels = np.asarray(Image.open(f"formats/{name}").convert("RGB"))
    h, w, _ = pixels.shape
    points = [((i * 7 + 3) % w, (i * 5 + 2) % h) for i in range(4)]
    rows.append({"file": f"formats/{name}", "size": [w, h], "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()[:16],
                 "pixels": [[x, y, *map(int, pixels[y, x])] for x, y in points]})
with open("formats.json", "w") as file:
    file.write("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
