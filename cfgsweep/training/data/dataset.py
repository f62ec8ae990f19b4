"""Pictures to train on, as tensors, and what they show: texts or labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image


@dataclass(frozen=True)
class Entry:
    """What a picture shows, as far as captions need to know. Without a style, the label is the whole caption."""

    label: str
    tags: tuple[str, ...] = ()
    style: str | None = None


@dataclass(frozen=True)
class Pictures:
    """Pictures and what they show, in the same order. `pixels`: uint8 [n, channels, height, width]."""

    pixels: torch.Tensor
    entries: list[Entry]

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True)
class Labelled:
    """Pictures and their labels [n], numbers of `names`. `pixels`: uint8 [n, channels, height, width]."""

    pixels: torch.Tensor
    labels: torch.Tensor
    names: list[str]

    def __len__(self) -> int:
        return len(self.labels)


def to_pixels(image: Image.Image) -> torch.Tensor:
    """PIL L or RGB -> uint8 [1 or 3, height, width]."""
    values = np.array(image)
    return torch.from_numpy(values if values.ndim == 3 else values[..., None]).permute(2, 0, 1).contiguous()


def to_image(pixels: torch.Tensor) -> Image.Image:
    """uint8 [1 or 3, height, width] -> PIL RGB."""
    return Image.fromarray(pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 -> float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1
