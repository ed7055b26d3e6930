"""The same twelve small pictures in every format the readers know, made by the reference writers (Pillow, tarfile, pyarrow).

    pip install pyarrow==25.0.1 pillow && python test/golden/datasets/make.py

Writes beside itself. Pictures are drawn here, so there is nothing to license.
"""

import io
import json
import random
import shutil
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = Path(__file__).parent
# Labels 0, 134 and 517: two of them are called "crane".
CLASSES = {"n01440764": 0, "n02012849": 134, "n03126707": 517}


def picture(seed):
    """A gradient with a few rectangles; sizes differ."""
    rng = random.Random(seed)
    width, height = 20 + rng.randrange(20), 20 + rng.randrange(20)
    image = Image.new("RGB", (width, height))
    image.putdata([(x * 6 % 256, y * 6 % 256, (x + y) * 3 % 256) for y in range(height) for x in range(width)])
    for _ in range(4):
        x, y = rng.randrange(width - 6), rng.randrange(height - 6)
        image.paste(tuple(rng.randrange(256) for _ in range(3)), (x, y, x + 6, y + 6))
    return image


def encoded(seed, kind, mode="RGB"):
    out = io.BytesIO()
    picture(seed).convert(mode).save(out, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return out.getvalue()


def samples():
    """(wnid, file, bytes), sorted. One picture is grey and one is a PNG although its name says JPEG, as in ImageNet."""
    rows = []
    for c, wnid in enumerate(CLASSES):
        for i in range(4):
            mode = "L" if (c, i) == (1, 2) else "RGB"
            kind = "PNG" if (c, i) == (2, 1) else "JPEG"
            rows.append((wnid, f"{wnid}_{10 + 7 * i}.JPEG", encoded(10 * c + i, kind, mode)))
    return sorted(rows)


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def tar_bytes(members, **options):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as tar:
        for name, data in members:
            add(tar, name, data)
    return out.getvalue()


def shuffled(rows, seed):
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    return rows


def parquet(path, rows, with_path=True, **options):
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [{"bytes": data, "path": f"{wnid}/{file}" if with_path else None} for wnid, file, data in rows]
    labels = [CLASSES[wnid] for wnid, _, _ in rows]
    table = pa.table({"image": pa.array(images, struct), "label": pa.array(labels, pa.int64())})
    pq.write_table(table, path, **options)


def main():
    for name in ["images", "tar", "webdataset", "parquet", "variants"]:
        shutil.rmtree(HERE / name, ignore_errors=True)
    rows = samples()
    for wnid, file, data in rows:
        path = HERE / "images" / "train" / wnid / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    (HERE / "tar").mkdir()
    inner = {w: tar_bytes([(f, d) for v, f, d in shuffled(rows, 1) if v == w]) for w in CLASSES}
    outer = tar_bytes([(f"{w}.tar", inner[w]) for w in reversed(CLASSES)])
    (HERE / "tar" / "ILSVRC2012_img_train.tar").write_bytes(outer)
    val = [(f"ILSVRC2012_val_{i + 1:08d}.JPEG", data) for i, (_, _, data) in enumerate(rows[:6])]
    (HERE / "tar" / "ILSVRC2012_img_val.tar").write_bytes(tar_bytes(shuffled(val, 2)))

    (HERE / "webdataset").mkdir()
    mixed = shuffled(rows, 3)
    for shard, part in enumerate([mixed[:7], mixed[7:]]):
        members = []
        for wnid, file, data in part:
            stem = f"{wnid}/{Path(file).stem}"
            members.append((f"{stem}.jpg", data))
            if shard == 0:
                members.append((f"{stem}.cls", str(CLASSES[wnid]).encode()))
            else:
                members.append((f"{stem}.json", json.dumps({"label": CLASSES[wnid], "width": 1}).encode()))
        (HERE / "webdataset" / f"train-{shard:06d}.tar").write_bytes(tar_bytes(members))

    (HERE / "parquet").mkdir()
    mixed = shuffled(rows, 4)
    parquet(HERE / "parquet" / "train-00000-of-00002.parquet", mixed[:7])
    parquet(HERE / "parquet" / "train-00001-of-00002.parquet", mixed[7:], row_group_size=3, data_page_size=1500)
    (HERE / "variants").mkdir()
    variants = {
        "gzip-v2": dict(compression="gzip", data_page_version="2.0"),
        "plain": dict(compression="none", use_dictionary=False),
        "snappy-v2-pages": dict(data_page_version="2.0", use_dictionary=False, data_page_size=1500),
        "delta": dict(use_dictionary=False, column_encoding={"label": "DELTA_BINARY_PACKED"}),
    }
    for name, options in variants.items():
        parquet(HERE / "variants" / f"{name}.parquet", mixed, **options)
    parquet(HERE / "variants" / "nopath.parquet", mixed, with_path=False)

    long = "d" * 90 + "/" + "e" * 90
    for name, kind in [("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT), ("ustar", tarfile.USTAR_FORMAT)]:
        members = [("./a.txt", b"first"), (f"{long}/f.txt" if kind != tarfile.USTAR_FORMAT else f"{'d' * 90}/f.txt", b"second" * 100)]
        if kind == tarfile.PAX_FORMAT:
            members.append(("ü.txt", b"third"))
        (HERE / "variants" / f"{name}.tar").write_bytes(tar_bytes(members, format=kind))


main()
