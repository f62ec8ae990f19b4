"""The metric `colourfulness`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.base import PictureMetric

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition


class Colourfulness(PictureMetric):
    """Spread and mean of the opponent colours red - green and yellow - blue: 0 of grey, about 100 of vivid pictures.

    sqrt(var rg + var yb) + 0.3 sqrt(mean rg^2 + mean yb^2), with rg = R - G, yb = (R + G) / 2 - B, of 0 to 255.
    """

    name = "colourfulness"
    unit = "colourfulness, 0 (grey) to about 100"
    source_of = "Hasler and Suesstrunk 2003"

    def measure(self, image: Image.Image, condition: Condition) -> float:
        import numpy as np

        red, green, blue = np.asarray(image.convert("RGB"), dtype=np.float64).transpose(2, 0, 1)
        opponents = np.stack([red - green, (red + green) / 2 - blue]).reshape(2, -1)
        return float(np.linalg.norm(opponents.std(1)) + 0.3 * np.linalg.norm(opponents.mean(1)))
