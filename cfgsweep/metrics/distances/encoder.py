"""Distances by the features of an image encoder of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from cfgsweep.metrics.distances.base import Distance, flattened, weights_missing

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import Vector
    from cfgsweep.models.denoiser import Denoiser


class EncoderDistance(Distance):
    """Normalised image features of the encoder in `folder`, or of `model` if its weights are in the cache.

    model: a hub id.
    """

    model: ClassVar[str]

    def __init__(self, denoiser: Callable[[], Denoiser], folder: str = ""):
        super().__init__(denoiser, folder)
        from transformers import AutoImageProcessor, AutoModel

        place = folder or self.model
        try:
            loading: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self.processor = AutoImageProcessor.from_pretrained(place, **loading)
            self.network = AutoModel.from_pretrained(place, use_safetensors=True, **loading).eval()
        except (OSError, ValueError) as error:
            raise weights_missing(place, str(error).split("\n")[0]) from None

    def embed(self, image: Image.Image) -> Vector:
        import torch

        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            encode = getattr(self.network, "get_image_features", None)
            found = encode(pixels) if encode else self.network(pixels)
        pooled = found if isinstance(found, torch.Tensor) else found.pooler_output
        return flattened(torch.nn.functional.normalize(pooled, dim=-1))
