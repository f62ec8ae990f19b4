"""A denoiser with an exact score: the distribution is a mixture of Gaussians."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from diffusers import DDIMScheduler
from PIL import Image

from cfgsweep.models.encoded_rows import EncodedRows
from cfgsweep.samplers import LATENT_DEFAULTS, STABLE_DIFFUSION_NOISE, Sampler

SPREAD = 0.02  # standard deviation of every Gaussian
SHAPE = (3, 4, 4)


class Mixture(EncodedRows):
    """Pictures of one flat colour. Colours named in the prompt are likely, later ones more so than earlier ones.

    Without a prompt, all colours are equally likely.
    """

    scheduler_config = {**STABLE_DIFFUSION_NOISE, **LATENT_DEFAULTS}
    native_size = (SHAPE[2], SHAPE[1])

    def __init__(self, name: str, colours: dict[str, tuple[float, float, float]]):
        self.name, self.colours = name, list(colours)
        self.means = torch.tensor(list(colours.values()), dtype=torch.float64)[:, :, None, None].expand(-1, *SHAPE)
        self.alphas = DDIMScheduler(**self.scheduler_config).alphas_cumprod.double()

    def sampled_fingerprint(self) -> str:
        return hashlib.sha256(self.means.numpy().tobytes()).hexdigest()

    def memory(self, size: tuple[int, int]) -> tuple[int, int]:
        return 1 << 20, 1 << 20

    def noise(self, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        return torch.randn(1, *SHAPE, generator=generator)

    def perturbed(self, perturbation: object) -> Mixture:
        assert perturbation is None
        return self

    def encode(self, text: str) -> torch.Tensor:
        """Log-probabilities of the colours, [1, 1, colours]."""
        likely = [1.0 + 20.0 * text.split().index(name) if name in text.split() else 1e-3 for name in self.colours]
        weights = torch.tensor(likely if text else [1.0] * len(likely)).log()
        return weights.log_softmax(0).view(1, 1, -1)

    def is_cut_short(self, text: str) -> bool:
        return False

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        x = latents.double()
        kept = self.alphas[timesteps.long()].view(-1, 1, 1, 1)
        alpha, variance = kept.sqrt(), 1 - kept
        total = kept * SPREAD**2 + variance
        apart = x[:, None] - alpha[:, None] * self.means[None]
        logits = conditions[:, 0].double() - apart.square().sum((2, 3, 4)) / (2 * total.view(-1, 1))
        guesses = self.means[None] + (alpha * SPREAD**2 / total)[:, None] * apart
        picture = (logits.softmax(1)[:, :, None, None, None] * guesses).sum(1)
        return ((x - alpha * picture) / variance.sqrt()).float()

    def decode(self, latents: torch.Tensor, sampler: Sampler) -> Image.Image:
        values = (((4 * latents[0]).clamp(-1, 1) + 1) * 127.5).round().byte()
        return Image.fromarray(np.ascontiguousarray(values.permute(1, 2, 0).numpy()))
