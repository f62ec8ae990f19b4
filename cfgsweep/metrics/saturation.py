"""The metric `saturation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageStat

from cfgsweep.metrics.base import PictureMetric

if TYPE_CHECKING:
    from cfgsweep.guidance.perturbations import Condition


class Saturation(PictureMetric):
    """Mean saturation of the colours, 0 to 1 (S of HSV)."""

    name = "saturation"
    unit = "mean saturation (HSV), 0 to 1"

    def measure(self, image: Image.Image, condition: Condition) -> float:
        return ImageStat.Stat(image.convert("HSV")).mean[1] / 255
