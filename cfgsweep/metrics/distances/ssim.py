"""The distance `ssim`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.distances.base import Distance, as_batch, rgb

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import Vector


class SSIM(Distance):
    """The root of 1 - structural similarity (Wang et al. 2004), by torchmetrics."""

    name = "ssim"

    def embed(self, image: Image.Image) -> Vector:
        return rgb(image)

    def measure(self, a: Vector, b: Vector) -> float:
        """The root makes it grow as distances do: 1 - SSIM is about the square of one (Brunet et al. 2012)."""
        from torchmetrics.functional.image import structural_similarity_index_measure

        similarity = structural_similarity_index_measure(as_batch(a), as_batch(b), data_range=1.0)
        return float(max(0.0, 1 - float(similarity)) ** 0.5)  # type: ignore[arg-type]
