"""Reads IDX files, the format of MNIST."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from cfgsweep.errors import UserError, shorten
from cfgsweep.training.data.rows import Row, Rows


def read_idx_folder(folder: Path, names: list[str]) -> Rows:
    """Rows of the four files of MNIST and similar data sets, gzipped or not, in the folder or below it."""
    parts = []
    for part in ("train", "t10k"):
        pictures, where = _read_idx(folder, f"{part}-images-idx3-ubyte", 3)
        labels, labels_at = _read_idx(folder, f"{part}-labels-idx1-ubyte", 1)
        if len(pictures) != len(labels):
            given = f"{len(labels)} labels for {len(pictures)} pictures"
            raise UserError("not as many labels as pictures", where=str(labels_at), given=given)
        pairs = enumerate(zip(pictures, labels.tolist(), strict=True))
        parts.append([Row(Image.fromarray(picture), label, f"{where}, row {n}") for n, (picture, label) in pairs])
    return Rows(parts[0], parts[1], names)


def _read_idx(folder: Path, name: str, dimensions: int) -> tuple[np.ndarray, Path]:
    """The array of a file of unsigned bytes, and the file's path.

    The header is 0, 0, 8, the number of dimensions, and the size of each as a big-endian 32-bit number. Raises
    UserError for files that are missing or damaged.
    """
    found = sorted(path for path in folder.rglob(f"{name}*") if path.name in (name, f"{name}.gz"))
    if not found:
        error = UserError("no such file", given=str(folder / name), allowed=[name, f"{name}.gz"])
        raise error.at_key("data", "path")
    path = found[0]
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot be read: {shorten(str(error))}", where=str(path)) from None
    if content[:4] != bytes((0, 0, 8, dimensions)):
        raise UserError("not an IDX file of bytes", where=str(path), given=content[:4].hex(" "))
    head = 4 + 4 * dimensions
    shape = [int.from_bytes(content[i : i + 4]) for i in range(4, head, 4)]
    if len(content) != head + math.prod(shape):
        given = f"{len(content) - head} bytes for {' x '.join(map(str, shape))}"
        raise UserError("cut short, or too long", where=str(path), given=given)
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape), path
