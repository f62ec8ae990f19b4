"""The first stage of text-to-image training: an autoencoder between pictures and latents."""

from __future__ import annotations

import torch
from diffusers import AutoencoderTiny
from PIL import Image
from torch.nn import functional as F

from cfgsweep.errors import UserError
from cfgsweep.training.config import Autoencoder
from cfgsweep.training.data.dataset import Pictures, denormalised, normalised
from cfgsweep.training.sheet import SampleRow, draw_sheet

CROP = 32  # pixels; small crops of many pictures teach more than whole ones of few, at the same cost
SHOWN = 12  # pictures of a sheet of samples


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

    name, loss_name, measure = "autoencoder", "reconstruction loss", "mean absolute error on [-1, 1]"

    def __init__(self, config: Autoencoder, training: Pictures, held_out: Pictures):
        self.config, self.training, self.held_out = config, training, held_out
        if min(training.pixels.shape[-2:]) < CROP:
            given = "x".join(map(str, training.pixels.shape[-2:]))
            allowed, hint = f"{CROP} pixels a side", "give data.size"
            raise UserError("too small for an autoencoder", given=given, allowed=allowed, hint=hint).at_key("data")
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

    def measured(self, network: AutoencoderTiny, held_out: bool) -> float:
        """Mean absolute error on [-1, 1]."""
        part = self.held_out if held_out else self.training.some(len(self.held_out))
        return reconstruction_error(network, part.pixels)

    def sample(self, network: AutoencoderTiny, heading: str) -> Image.Image:
        """Held-out pictures above their reconstructions."""
        return reconstructions(network, self.held_out, heading)


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


@torch.no_grad()
def reconstruction_error(network: AutoencoderTiny, pixels: torch.Tensor) -> float:
    """Mean absolute error on [-1, 1]. pixels: uint8 [pictures, channels, height, width]."""
    errors = [
        (network.decode(network.encode(part).latents).sample - part).abs().mean() * len(part)
        for part in normalised(pixels).split(64)
    ]
    return (sum(errors) / len(pixels)).item()


@torch.no_grad()
def reconstructions(network: AutoencoderTiny, pictures: Pictures, heading: str) -> Image.Image:
    """A sheet of up to twelve pictures above their reconstructions."""
    pixels = pictures.some(SHOWN).pixels
    decoded = network.decode(network.encode(normalised(pixels)).latents).sample
    rows = [SampleRow("held-out pictures", pixels), SampleRow("reconstructions", denormalised(decoded))]
    return draw_sheet(heading, [], rows)
