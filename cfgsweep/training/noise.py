"""How pictures become noise in training, and what the network is to say of them."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDPMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler

from cfgsweep.samplers import LATENT_DEFAULTS, STABLE_DIFFUSION_NOISE
from cfgsweep.training.config import Noise

# The betas of Stable Diffusion, of Ho et al. 2020 (arXiv 2006.11239) and of Nichol and Dhariwal 2021 (2102.09672).
SCHEDULES: dict[str, dict[str, Any]] = {
    "scaled_linear": {key: STABLE_DIFFUSION_NOISE[key] for key in ("beta_schedule", "beta_start", "beta_end")},
    "linear": {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
}
PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction", "x0": "sample"}


class Noising:
    """A noise schedule and a kind of prediction. Timesteps are [n], pictures and noise [n, c, h, w]."""

    def __init__(self, noise: Noise, velocity_weight: float):
        self.flow, self.steps = noise.prediction == "flow", noise.steps
        if self.flow:
            self.config: dict[str, Any] = {"num_train_timesteps": noise.steps}
            return
        self.config = {
            **SCHEDULES[noise.schedule or "scaled_linear"],
            "num_train_timesteps": noise.steps,
            "steps_offset": 1,
            "prediction_type": PREDICTIONS[noise.prediction],
        }
        self.scheduler = DDPMScheduler(**self.config)
        power = velocity_weight if noise.prediction == "epsilon" else 0.0
        self.weights = noise_error_weights(self.scheduler.alphas_cumprod, power)

    def timesteps(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Random ones: whole numbers below `steps`, or for flows any number from 0 to it."""
        if self.flow:
            return self.steps * torch.rand(count, generator=generator)
        return torch.randint(self.steps, (count,), generator=generator)

    def noisy(self, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        if self.flow:  # the straight way: Lipman et al. 2022, arXiv 2210.02747; Liu et al. 2022, arXiv 2209.03003
            share = (timesteps / self.steps).view(-1, 1, 1, 1)
            return (1 - share) * clean + share * noise
        return self.scheduler.add_noise(clean, noise, timesteps)

    def target(self, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        if self.flow:
            return noise - clean
        match self.config["prediction_type"]:
            case "epsilon":
                return noise
            case "sample":
                return clean
        return self.scheduler.get_velocity(clean, noise, timesteps)

    def weight(self, timesteps: torch.Tensor) -> torch.Tensor:
        """What an error counts for at every timestep."""
        return torch.ones(len(timesteps)) if self.flow else self.weights[timesteps]

    def errors(
        self, predicted: torch.Tensor, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """The mean squared error of every row, [n]."""
        return (predicted.float() - self.target(clean, noise, timesteps)).square().mean((1, 2, 3))

    def saved_scheduler(self) -> Any:
        """The scheduler to save with a model."""
        if self.flow:
            return FlowMatchEulerDiscreteScheduler(**self.config)
        scheduler = EulerDiscreteScheduler(**self.config)
        scheduler.register_to_config(**LATENT_DEFAULTS)  # for whoever makes another scheduler of this one
        return scheduler


def noise_error_weights(alphas_cumprod: torch.Tensor, power: float) -> torch.Tensor:
    """What the squared error of the noise counts for at every timestep: (1 / alphas_cumprod) ** power.

    The plain error (power 0) all but ignores the noisiest steps, where a tiny error of the noise is a large error of
    the picture, and where layout and colours are decided: colours then follow the seed and not the prompt. Power 1
    makes it the error of the velocity (Salimans & Ho 2022, arXiv 2202.00512), which leaves little for detail.
    """
    return alphas_cumprod**-power
