"""The metric `sharpness`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.base import PictureMetric

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition


class Sharpness(PictureMetric):
    """Variance of the Laplacian of the luma (0 to 1), 0 or more; it grows with fine detail and with noise.

    The Laplacian is that of the four neighbours; pixels beyond the edge mirror those within.
    """

    name = "sharpness"
    unit = "variance of the Laplacian of luma"
    source_of = "Pech-Pacheco et al. 2000"

    def measure(self, image: Image.Image, condition: Condition) -> float:
        import numpy as np
        from scipy.ndimage import laplace

        return float(laplace(np.asarray(image.convert("L")) / 255, mode="mirror").var())
