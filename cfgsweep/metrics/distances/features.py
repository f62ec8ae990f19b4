"""The distance `features`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.distances.base import Distance, flattened

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import Vector


class Features(Distance):
    """The middle of the swept model's own U-Net, looking at the picture (DIFT, arXiv 2306.03881)."""

    name = "features"

    def embed(self, image: Image.Image) -> Vector:
        return flattened(self.denoiser().features(image))
