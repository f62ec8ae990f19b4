"""Rows of training data, before their pictures become tensors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image, ImageOps

from cfgsweep.errors import UserError
from cfgsweep.training.data.dataset import to_pixels

GREY = ("L", "1")  # modes of Pillow without colours
MOST_PIXELS = 2**26  # of a picture in a file: 8192 x 8192, which take 256 MiB in RGB before they are reduced


@dataclass(frozen=True)
class Row:
    """A picture, its label or text, and where it comes from, for error messages."""

    image: Image.Image
    value: Any
    where: str


@dataclass(frozen=True)
class Rows:
    """All rows of a source. names: of the labels, where the source has such a list."""

    training: list[Row]
    held_out: list[Row]
    names: list[str] | None = None

    @property
    def all(self) -> list[Row]:
        """Training rows, then held-out rows."""
        return [*self.training, *self.held_out]


def split_rows(rows: list[Row], held_out: float) -> tuple[list[Row], list[Row]]:
    """Training rows and held-out rows, the latter a fraction of about `held_out`, by a hash of their index."""

    def is_held_out(index: int) -> bool:
        return int(hashlib.sha256(str(index).encode()).hexdigest()[:8], 16) < held_out * 2**32

    parts: tuple[list[Row], list[Row]] = ([], [])
    for index, row in enumerate(rows):
        parts[is_held_out(index)].append(row)
    return parts


def as_tensors(rows: Rows, size: int | None, mode: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Training and held-out pictures, uint8 [pictures, channels, height, width] each.

    size: the side that pictures are cropped and resized to; None leaves them as they are. mode: L or RGB. Raises
    UserError where pictures differ in size.
    """
    tensors: list[torch.Tensor] = []
    for row in rows.all:
        image = reduced(row.image, size).convert(mode)
        tensors.append(to_pixels(image))
        if tensors[-1].shape != tensors[0].shape:
            given = f"{image.width}x{image.height}"
            raise UserError("pictures of different sizes", where=row.where, given=given, hint="give data.size")
    cut = len(rows.training)
    return torch.stack(tensors[:cut]), torch.stack(tensors[cut:])


def reduced(image: Image.Image, size: int | None) -> Image.Image:
    """The image over white, in L if it is grey and else in RGB, cropped and resized to a side. Twice is as once."""
    image = _opaque(image).convert("L" if image.mode in GREY else "RGB")
    if size is not None and image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    return image


def _opaque(image: Image.Image) -> Image.Image:
    """The image over white, without transparency."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
