"""The distance `layout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.distances.base import Distance, rgb

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import Vector

SIDE = 8


class Layout(Distance):
    """Pixels of the picture made 8 x 8: where which colour is."""

    name = "layout"

    def embed(self, image: Image.Image) -> Vector:
        from PIL import Image

        return rgb(image.resize((SIDE, SIDE), Image.Resampling.BOX))
