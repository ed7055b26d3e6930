"""Parquet in further compressions and with further kinds of labels, from the pictures that make.py drew: codecs/ and labels/.

    pip install pyarrow==25.0.1 && python test/golden/datasets/more_parquet.py
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
CLASSES = {"n01440764": 0, "n02012849": 134, "n03126707": 517}
rows = [(path.parent.name, path.name, path.read_bytes()) for path in sorted(HERE.glob("images/train/*/*"))]


def table(rows, **labels):
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [{"bytes": data, "path": f"{wnid}/{file}"} for wnid, file, data in rows]
    return pa.table({"image": pa.array(images, struct), **labels})


(HERE / "codecs").mkdir(exist_ok=True)
numbers = table(rows, label=pa.array([CLASSES[wnid] for wnid, _, _ in rows], pa.int64()))
for name, options in {
    "zstd": dict(compression="zstd"),
    "zstd-v2": dict(compression="zstd", data_page_version="2.0", use_dictionary=False, data_page_size=1500),
    "lz4": dict(compression="lz4"),
    "brotli": dict(compression="brotli"),
}.items():
    pq.write_table(numbers, HERE / "codecs" / f"{name}.parquet", **options)

(HERE / "labels").mkdir(exist_ok=True)
four = rows[:4]
words = pa.array(["wolf", "cat", "wolf", "bee"])
feature = {"info": {"features": {"label": {"names": ["cat", "dog", "wolf"], "_type": "ClassLabel"}}}}
renamed = {"info": {"features": {"label": {"names": ["wolf", "dog", "cat"], "_type": "ClassLabel"}}}}
for name, columns, options in [
    ("words", dict(label=words), {}),
    ("words-plain", dict(label=words), dict(use_dictionary=False)),
    ("booleans", dict(label=pa.array([True, False, True, True])), {}),
    ("booleans-v2", dict(label=pa.array([True, False, True, True])), dict(data_page_version="2.0")),
    ("named", dict(label=pa.array([2, 0, 2, 1])), {}),
    ("renamed", dict(label=pa.array([0, 2, 0, 1])), {}),
    ("missing", dict(label=pa.array(["cat", None, "cat", "dog"])), {}),
    ("two", dict(first_label=pa.array([0, 1, 0, 1]), second_label=pa.array([0, 1, 0, 1])), {}),
]:
    small = table(four, **columns)
    if name in ("named", "renamed"):
        small = small.replace_schema_metadata({"huggingface": json.dumps(feature if name == "named" else renamed)})
    pq.write_table(small, HERE / "labels" / f"{name}.parquet", **options)

empty = table(four, label=pa.array([2, 0, 2, 1])).slice(0, 0).replace_schema_metadata({"huggingface": json.dumps(feature)})
pq.write_table(empty, HERE / "labels" / "empty.parquet")
