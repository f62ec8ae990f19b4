"""What guidance does to pictures, in numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageStat

if TYPE_CHECKING:
    pass


METRICS = {
    "adherence": "1 where the model's own classifier sees the label that was asked for, else 0",
    "diversity": "mean distance (RMS of all pixels) between two pictures that differ in nothing but the seed",
    "saturation": "mean saturation of the colours, 0 to 1 (HSV)",
    "contrast": "standard deviation of the luminance, 0 to 0.5",
}


def saturation(image: Image.Image) -> float:
    """Mean S of HSV, 0 (grey) to 1."""
    return ImageStat.Stat(image.convert("HSV")).mean[1] / 255


def contrast(image: Image.Image) -> float:
    """Standard deviation of the luminance (ITU-R 601), 0 to 0.5."""
    return ImageStat.Stat(image.convert("L")).stddev[0] / 255


def diversity(images: Sequence[Image.Image]) -> float | None:
    """Mean RMS distance of two of them, 0 to 1; None where there is but one."""
    pairs = [_distance(a, b) for a, b in itertools.combinations([image.convert("RGB") for image in images], 2)]
    return sum(pairs) / len(pairs) if pairs else None


def _distance(a: Image.Image, b: Image.Image) -> float:
    bands = ImageStat.Stat(ImageChops.difference(a, b)).rms
    return math.hypot(*bands) / math.sqrt(len(bands)) / 255


PER_PICTURE: dict[str, Callable[[Image.Image], float]] = {"saturation": saturation, "contrast": contrast}
