"""The distance `pixels`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.distances.base import Distance, rgb

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import Vector


class Pixels(Distance):
    """All pixels."""

    name = "pixels"

    def embed(self, image: Image.Image) -> Vector:
        return rgb(image)
