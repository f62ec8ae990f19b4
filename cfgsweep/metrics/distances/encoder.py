"""Distances by the features of an image encoder of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from cfgsweep.errors import UserError
from cfgsweep.metrics.distances.base import Distance, flattened, weights_missing

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import SeeingModel, Vector


class EncoderDistance(Distance):
    """Normalised image features of the encoder in `folder`, or of `model` if its weights are in the cache.

    model: a hub id.
    """

    model: ClassVar[str]

    def __init__(self, denoiser: Callable[[], SeeingModel], folder: str = ""):
        super().__init__(denoiser, folder)
        from cfgsweep.metrics.encoders import ImageEncoder

        try:
            self.encoder = ImageEncoder(folder or self.model)
        except UserError as error:
            raise weights_missing(folder or self.model, error.problem) from None

    def embed(self, image: Image.Image) -> Vector:
        return flattened(self.encoder.image_features([image]))
