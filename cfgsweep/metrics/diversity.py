"""The metric `diversity`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageStat

from cfgsweep.metrics.base import GroupMetric


class Diversity(GroupMetric):
    """Mean distance (RMS of all pixels, 0 to 1) between two pictures that differ in nothing but the seed."""

    name = "diversity"
    unit = "RMS distance of pixels, 0 to 1"
    higher_is_better = True

    def measure(self, images: Sequence[Image.Image]) -> float:
        pairs = [_distance(a, b) for a, b in itertools.combinations([image.convert("RGB") for image in images], 2)]
        return sum(pairs) / len(pairs)


def _distance(a: Image.Image, b: Image.Image) -> float:
    bands = ImageStat.Stat(ImageChops.difference(a, b)).rms
    return math.hypot(*bands) / math.sqrt(len(bands)) / 255
