"""Converts between pictures and the latents of a network: an autoencoder's latents, or the pixels themselves."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from torch import nn

from cfgsweep.errors import UserError
from cfgsweep.models.denoiser import NotFinite


def _refuse_unless_finite(pixels: torch.Tensor) -> torch.Tensor:
    if not bool(pixels.isfinite().all()):
        raise NotFinite("decoding gave pixels that are not finite; another --dtype may do (some overflow in float16)")
    return pixels


class Codec(Protocol):
    """Converts between pictures and latents.

    factor: pixels of a picture per position of the latents, along a side. channels: of the latents. parts: the networks
    that the conversion uses.
    """

    factor: int
    channels: int
    parts: list[nn.Module]

    def decode(self, latents: torch.Tensor) -> Image.Image:
        """The picture of latents [1, channels, height, width]. Raises NotFinite."""
        ...

    def encode(self, image: Image.Image) -> torch.Tensor:
        """The latents of a picture, [1, channels, height, width]."""
        ...


class Latents:
    """Latents of an AutoencoderKL or AutoencoderTiny, multiplied by its scaling factor.

    Raises UserError where the scaling factor is not a finite number above 0.
    """

    def __init__(self, autoencoder: Any, factor: int):
        self.autoencoder, self.factor = autoencoder, factor
        scale = autoencoder.config.scaling_factor
        if not isinstance(scale, int | float) or not 0 < scale < math.inf:
            raise UserError("not what latents can be scaled by", where="the autoencoder's scaling_factor", given=scale)
        self.channels: int = autoencoder.config.latent_channels
        self.parts: list[nn.Module] = [autoencoder]
        self.processor = VaeImageProcessor(vae_scale_factor=factor)

    def decode(self, latents: torch.Tensor) -> Image.Image:
        with torch.inference_mode():
            scaled = latents.to(self.autoencoder.dtype) / self.autoencoder.config.scaling_factor
            pixels = self.autoencoder.decode(scaled, return_dict=False)[0]
        return self.processor.postprocess(_refuse_unless_finite(pixels), output_type="pil")[0]

    def encode(self, image: Image.Image) -> torch.Tensor:
        pixels = self.processor.preprocess(image).to(self.autoencoder.device, self.autoencoder.dtype)
        with torch.inference_mode():
            encoded = self.autoencoder.encode(pixels)
            latents: torch.Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return latents.float() * self.autoencoder.config.scaling_factor


class Pixels:
    """Pixels in [-1, 1] as latents, in colour (3 channels) or grey (1 channel)."""

    factor = 1
    parts: list[nn.Module] = []

    def __init__(self, channels: int, device: str):
        self.channels, self.device = channels, device
        self.processor = VaeImageProcessor(vae_scale_factor=1, do_convert_grayscale=channels == 1)

    def decode(self, latents: torch.Tensor) -> Image.Image:
        return self.processor.postprocess(_refuse_unless_finite(latents).float(), output_type="pil")[0].convert("RGB")

    def encode(self, image: Image.Image) -> torch.Tensor:
        return self.processor.preprocess(image).to(self.device)
