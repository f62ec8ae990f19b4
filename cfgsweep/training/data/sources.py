"""Where training data comes from: scikit-learn, IDX files, a folder, a parquet file, or the hub.

Whatever is wrong with a picture or its label is told with its file, or its row.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from cfgsweep.errors import CfgsweepError, UserError, shorten, unknown_name
from cfgsweep.storage.png import opened
from cfgsweep.system.quiet import quiet_logs
from cfgsweep.training.config import Data
from cfgsweep.training.data.dataset import to_pixels

ON_THE_HUB = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
FASHION = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
DIGITS = [str(digit) for digit in range(10)]


@dataclass(frozen=True)
class Row:
    """One picture, its label or text, and where it is from, for error messages."""

    image: Image.Image
    value: Any
    where: str


@dataclass(frozen=True)
class Rows:
    """What a source holds. names: of the labels, where it tells them."""

    training: list[Row]
    held_out: list[Row]
    names: list[str] | None = None

    @property
    def all(self) -> list[Row]:
        return [*self.training, *self.held_out]


def read_rows(data: Data, column: str) -> Rows:
    """All rows, those for training and those held out: the source's own test part where it has one.

    column: where folders and parquet files have what the pictures show, if `data` does not say.
    """
    match data.name:
        case "digits":
            rows = _digits(data.held_out)
        case "mnist" | "fashion-mnist" if data.path is not None:
            rows = _idx(data.path, DIGITS if data.name == "mnist" else FASHION)
        case _:
            rows = _huggingface(data, data.column or column)
    for name, part in (("training", rows.training), ("held-out", rows.held_out)):
        if not part:
            hint = "give data.held_out a larger share" if name == "held-out" else ""
            raise UserError(f"there is no {name} picture", where="data", given=str(data.path or data.name), hint=hint)
    return rows


def as_tensors(rows: Rows, size: int | None, mode: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Training and held-out pictures in one mode (L or RGB) and of one size, [n, channels, height, width]."""
    tensors: list[torch.Tensor] = []
    for row in rows.all:
        image = _flattened(row.image).convert(mode)
        if size is not None and image.size != (size, size):
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        tensors.append(to_pixels(image))
        if tensors[-1].shape != tensors[0].shape:
            given = f"{image.width}x{image.height}"
            raise UserError("pictures of different sizes", where=row.where, given=given, hint="give data.size")
    cut = len(rows.training)
    return torch.stack(tensors[:cut]), torch.stack(tensors[cut:])


def _flattened(image: Image.Image) -> Image.Image:
    """Without transparency, over white."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _split(rows: list[Row], share: float) -> tuple[list[Row], list[Row]]:
    """A part held out that is the same for everybody, whatever the seed."""

    def is_held_out(index: int) -> bool:
        return int(hashlib.sha256(str(index).encode()).hexdigest()[:8], 16) < share * 2**32

    parts: tuple[list[Row], list[Row]] = ([], [])
    for index, row in enumerate(rows):
        parts[is_held_out(index)].append(row)
    return parts


def _digits(held_out: float) -> Rows:
    """1797 handwritten digits of 8 x 8 pixels (Alpaydin and Kaynak 1998, UCI), white on black."""
    from sklearn.datasets import load_digits

    found = load_digits()
    levels = np.rint(found.images * (255 / 16)).astype(np.uint8)
    pairs = zip(levels, found.target.tolist(), strict=True)
    rows = [Row(Image.fromarray(picture), label, f"digits, row {n}") for n, (picture, label) in enumerate(pairs)]
    return Rows(*_split(rows, held_out), DIGITS)


# IDX, the format of MNIST ---------------------------------------------------------------------------------------


def _idx(folder: Path, names: list[str]) -> Rows:
    """The four files of MNIST and what is laid out like it, packed or not, in the folder or below it."""
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
    """Unsigned bytes with their shape in front: 0, 0, 8, how many dimensions, and each as a big-endian number."""
    found = sorted(path for path in folder.rglob(f"{name}*") if path.name in (name, f"{name}.gz"))
    if not found:
        raise UserError("no such file", where="data.path", given=str(folder / name), allowed=[name, f"{name}.gz"])
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


# Hugging Face datasets ------------------------------------------------------------------------------------------


@quiet_logs("datasets")
def _huggingface(data: Data, column: str) -> Rows:
    """A folder of pictures (in folders named as their labels, or with metadata), a parquet file, or the hub's."""
    import datasets

    place = str(data.path or ON_THE_HUB[str(data.name)])
    if data.path is not None and not data.path.exists():
        raise UserError("no such folder or file", where="data.path", given=place)
    try:
        if data.path is None:
            found = datasets.load_dataset(place, streaming=True)
        elif data.path.is_dir():
            found = datasets.load_dataset("imagefolder", data_dir=place, streaming=True)
        else:
            found = datasets.load_dataset("parquet", data_files=place, streaming=True)
        parts = {name: _rows_of(part, column, place) for name, part in found.items()}
    except CfgsweepError:
        raise
    except Exception as error:  # whatever the libraries below it raise for files that are not what they seem
        hint = "" if data.path else "without a network, give data.path: a folder with its IDX files"
        raise UserError(shorten(str(error), 300), where="data", given=place, hint=hint) from None
    names = next((names for _, names in parts.values()), None)
    own = next((parts[name][0] for name in ("test", "validation") if name in parts), None)
    training = parts.get("train", ([], None))[0]
    return Rows(training, own, names) if own is not None else Rows(*_split(training, data.held_out), names)


def _rows_of(part: Any, column: str, place: str) -> tuple[list[Row], list[str] | None]:
    import datasets

    features = part.features or {}
    if "image" not in features or column not in features:
        missing = column if "image" in features else "image"
        raise unknown_name("column", missing, list(features), f"data: {place}")
    feature = features[column]
    names = feature.names if isinstance(feature, datasets.ClassLabel) else None
    return list(_decoded(part.cast_column("image", datasets.Image(decode=False)), column)), names


def _decoded(part: Any, column: str) -> Iterator[Row]:
    for number, row in enumerate(part):
        found = row["image"] or {}
        where = f"row {number}" + (f", {found['path']}" if found.get("path") else "")
        content = found.get("bytes")
        try:
            image = opened(Path(found["path"]) if content is None else io.BytesIO(content), FORMATS)
            if image.mode[0] in "IF":
                raise ValueError(f"more than 8 bits a channel ({image.mode})")
            yield Row(image, row[column], where)
        except (KeyError, TypeError, OSError, ValueError) as error:
            raise UserError(f"not a picture that can be read: {shorten(str(error))}", where=where) from None
