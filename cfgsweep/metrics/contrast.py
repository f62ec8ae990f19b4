"""The metric `contrast`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageStat

from cfgsweep.metrics.base import PictureMetric

if TYPE_CHECKING:
    from cfgsweep.guidance.perturbations import Condition


class Contrast(PictureMetric):
    """Standard deviation of the luminance (ITU-R 601), 0 to 0.5."""

    name = "contrast"
    unit = "standard deviation of luminance, 0 to 0.5"

    def measure(self, image: Image.Image, condition: Condition) -> float:
        return ImageStat.Stat(image.convert("L")).stddev[0] / 255
