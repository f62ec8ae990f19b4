"""The distance `latents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.distances.base import Distance, flattened

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import Vector


class Latents(Distance):
    """The picture as the swept model's own autoencoder encodes it."""

    name = "latents"

    def embed(self, image: Image.Image) -> Vector:
        return flattened(self.denoiser().encode_picture(image))
