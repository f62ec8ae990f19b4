"""Training data in memory: pictures as tensors, with texts or labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

SHIFTED_COPIES = 7  # of every picture


@dataclass(frozen=True)
class Entry:
    """What a picture shows, for its captions. Without a style, the label is the whole caption."""

    label: str
    tags: tuple[str, ...] = ()
    style: str | None = None


@dataclass(frozen=True)
class Pictures:
    """Pictures with texts. pixels: uint8 [pictures, channels, height, width]. entries: in the same order."""

    pixels: torch.Tensor
    entries: list[Entry]

    def __len__(self) -> int:
        return len(self.entries)

    def some(self, count: int) -> Pictures:
        """Up to so many of them, from the whole length."""
        chosen = spread(len(self), count)
        return Pictures(self.pixels[chosen], self.entries[chosen])


@dataclass(frozen=True)
class Labelled:
    """Pictures with labels.

    pixels: uint8 [pictures, channels, height, width]. labels: [pictures], indices into names.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    names: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def some(self, count: int) -> Labelled:
        """Up to so many of them, from the whole length."""
        chosen = spread(len(self), count)
        return Labelled(self.pixels[chosen], self.labels[chosen], self.names)


def with_shifts(pictures: Pictures, reach: int, seed: int) -> Pictures:
    """The pictures, and SHIFTED_COPIES of each that are shifted by random numbers of pixels."""
    generator = torch.Generator().manual_seed(seed)
    copies = [pictures.pixels]
    for _ in range(SHIFTED_COPIES):
        copies.append(torch.cat([shifted(part, reach, generator) for part in pictures.pixels.split(256)]))
    return Pictures(torch.cat(copies), pictures.entries * len(copies))


def shifted(pixels: torch.Tensor, reach: int, generator: torch.Generator) -> torch.Tensor:
    """Every picture shifted by a random number of pixels; pixels at the edge are repeated. [pictures, c, h, w]."""
    height, width = pixels.shape[-2:]
    around = F.pad(pixels.float(), (reach,) * 4, mode="replicate").to(pixels.dtype)
    places = torch.randint(2 * reach + 1, (len(pixels), 2), generator=generator).tolist()
    return torch.stack([p[:, y : y + height, x : x + width] for p, (y, x) in zip(around, places, strict=True)])


def spread(length: int, count: int) -> slice:
    """Up to `count` places in a sequence, at equal distances."""
    step = max(1, length // max(1, count))
    return slice(0, step * count, step)


def to_pixels(image: Image.Image) -> torch.Tensor:
    """A PIL image in mode L or RGB to uint8 [1 or 3, height, width]."""
    values = np.array(image)
    return torch.from_numpy(values if values.ndim == 3 else values[..., None]).permute(2, 0, 1).contiguous()


def to_image(pixels: torch.Tensor) -> Image.Image:
    """uint8 [1 or 3, height, width] to a PIL image in mode RGB."""
    return Image.fromarray(pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 in [0, 255] to float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def denormalised(pixels: torch.Tensor) -> torch.Tensor:
    """Floating-point pixels in [-1, 1] to uint8, cut off at both ends."""
    return ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
