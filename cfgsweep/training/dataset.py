"""Captioned pictures from a parquet file, split into training and held-out."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from cfgsweep.errors import UserError, shorten
from cfgsweep.training.config import Data
from cfgsweep.training.emoji import bare


@dataclass(frozen=True)
class Entry:
    """What a picture shows, as far as captions need to know."""

    label: str
    tags: tuple[str, ...]
    style: str


@dataclass(frozen=True)
class Pictures:
    """Pictures and what they show, in the same order. `pixels`: uint8 [n, 3, height, width]."""

    pixels: torch.Tensor
    entries: list[Entry]

    def __len__(self) -> int:
        return len(self.entries)


def is_held_out(codepoints: str) -> bool:
    """One glyph in twenty, the same for everybody and in every style."""
    return int(hashlib.sha256(bare(codepoints).encode()).hexdigest(), 16) % 20 == 0


def read_pictures(data: Data) -> tuple[Pictures, Pictures]:
    """Read the file; return (training, held-out)."""
    rows = _read_rows(data)
    rows = [row for row in rows if row["group"] not in data.leave_out]
    return (
        _pictures([row for row in rows if not is_held_out(row["codepoints"])]),
        _pictures([row for row in rows if is_held_out(row["codepoints"])]),
    )


def _read_rows(data: Data) -> list[dict]:
    columns = ["image", "label", "tags", "style", "group", "codepoints"]
    try:
        return pq.read_table(data.path, columns=columns).to_pylist()
    except FileNotFoundError:
        hint = f"build the emoji data set: python -m cfgsweep.training.emoji {data.path}"
        raise UserError("no such file", where="data.path", given=str(data.path), hint=hint) from None
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(shorten(str(error)), where="data.path", given=str(data.path), allowed=columns) from None


def _pictures(rows: list[dict]) -> Pictures:
    entries = [Entry(row["label"], tuple(row["tags"] or ()), row["style"]) for row in rows]
    images = (Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB") for row in rows)
    return Pictures(torch.stack([to_pixels(image) for image in images]), entries)


def to_pixels(image: Image.Image) -> torch.Tensor:
    """PIL RGB -> uint8 [3, height, width]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def to_image(pixels: torch.Tensor) -> Image.Image:
    """uint8 [3, height, width] -> PIL RGB."""
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 -> float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1
