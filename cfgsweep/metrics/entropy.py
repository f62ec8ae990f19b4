"""The metric `entropy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.base import PictureMetric

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition


class Entropy(PictureMetric):
    """Entropy of the histogram of the luma (ITU-R 601, 256 levels): 0 bits of one level, 8 of all equally often."""

    name = "entropy"
    unit = "entropy of the luma histogram, 0 to 8 bits"
    source_of = "Shannon 1948"

    def measure(self, image: Image.Image, condition: Condition) -> float:
        return float(image.convert("L").entropy())
