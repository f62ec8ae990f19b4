"""The first stage of text-to-image training: an autoencoder between pictures and latents."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from PIL import Image
from torch.nn import functional as F

from cfgsweep.errors import UserError
from cfgsweep.storage.png import save_png
from cfgsweep.training.config import Autoencoder
from cfgsweep.training.data.dataset import Pictures, normalised, to_image

CROP = 32  # pixels; small crops of many pictures teach more than whole ones of few, at the same cost


def build(config: Autoencoder) -> AutoencoderTiny:
    """An untrained AutoencoderTiny. Latents are [latent_channels, height / 4, width / 4]."""
    levels = (config.channels,) * 3
    return AutoencoderTiny(
        encoder_block_out_channels=levels,
        decoder_block_out_channels=levels,
        num_encoder_blocks=config.encoder_blocks,
        num_decoder_blocks=config.decoder_blocks,
        latent_channels=config.latent_channels,
    )


class AutoencoderTask:
    """L1 loss of pixels and of their differences (edges), with noise on the latents and a penalty on their means.

    The noise schedule of Stable Diffusion leaves some signal at its last step, while sampling starts from noise of mean
    zero, which the denoiser takes for a picture with latents of mean zero. The penalty makes this an average picture.
    """

    name = "autoencoder"

    def __init__(self, config: Autoencoder, training: Pictures, held_out: Pictures):
        self.config, self.training, self.held_out = config, training, held_out
        if min(training.pixels.shape[-2:]) < CROP:
            given = "x".join(map(str, training.pixels.shape[-2:]))
            raise UserError("too small for an autoencoder", where="data", given=given, allowed=f"{CROP} pixels a side")
        self.network = build(config).to(memory_format=torch.channels_last)

    def loss(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(len(self.training), (batch,), generator=generator)
        pixels = normalised(_random_crops(self.training.pixels[chosen], generator))
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        latents = self.network.encode(pixels).latents
        noise = torch.randn(latents.shape, generator=generator)
        decoded = self.network.decode(latents + self.config.latent_noise * noise).sample
        off_centre = latents.float().mean((0, 2, 3)).square().sum()
        return _difference(decoded.float(), pixels) + self.config.centring * off_centre

    @torch.no_grad()
    def held_out_loss(self, network: AutoencoderTiny) -> float:
        """Mean absolute error on [-1, 1]."""
        pixels = normalised(self.held_out.pixels)
        errors = [
            (network.decode(network.encode(part).latents).sample - part).abs().mean() * len(part)
            for part in pixels.split(64)
        ]
        return (sum(errors) / len(pixels)).item()

    @torch.no_grad()
    def sample(self, network: AutoencoderTiny, path: Path) -> None:
        """An image of held-out pictures above their reconstructions."""
        pixels = self.held_out.pixels[:: max(1, len(self.held_out) // 12)][:12]
        decoded = network.decode(network.encode(normalised(pixels)).latents).sample
        decoded = ((decoded.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        save_png(sheet(torch.cat([pixels, decoded]), columns=len(pixels)), path)


def _random_crops(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A random crop of CROP x CROP pixels of every picture. pixels: uint8 [pictures, 3, height, width]."""
    top, left = (
        torch.randint(side - CROP + 1, (len(pixels),), generator=generator).tolist() for side in pixels.shape[-2:]
    )
    return torch.stack([p[:, y : y + CROP, x : x + CROP] for p, y, x in zip(pixels, top, left, strict=True)])


def _difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """L1 distance of pixels and of their horizontal and vertical differences."""
    return F.l1_loss(a, b) + F.l1_loss(a.diff(dim=-1), b.diff(dim=-1)) + F.l1_loss(a.diff(dim=-2), b.diff(dim=-2))


@torch.no_grad()
def encode(network: AutoencoderTiny, pixels: torch.Tensor) -> torch.Tensor:
    """Unscaled latents, float32. pixels: uint8 [pictures, channels, height, width]."""
    return torch.cat([network.encode(normalised(part)).latents for part in pixels.split(64)])


def sheet(pixels: torch.Tensor, columns: int) -> Image.Image:
    """An image of pictures in rows of so many columns. pixels: uint8 [pictures, 1 or 3, height, width]."""
    height, width = pixels.shape[-2:]
    rows = -(-len(pixels) // columns)
    canvas = Image.new("RGB", (columns * (width + 2), rows * (height + 2)), "white")
    for i, picture in enumerate(pixels):
        canvas.paste(to_image(picture), (i % columns * (width + 2), i // columns * (height + 2)))
    return canvas
