"""The forward process in training: noised pictures, and the prediction targets of the network."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDPMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler

from cfgsweep.samplers import LATENT_DEFAULTS, STABLE_DIFFUSION_NOISE
from cfgsweep.training.config import Noise

# Betas of Stable Diffusion, of Ho et al. 2020 (arXiv 2006.11239), and of Nichol and Dhariwal 2021 (arXiv 2102.09672).
SCHEDULES: dict[str, dict[str, Any]] = {
    "scaled_linear": {key: STABLE_DIFFUSION_NOISE[key] for key in ("beta_schedule", "beta_start", "beta_end")},
    "linear": {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
}
PREDICTED = {"epsilon": "noise", "v": "v", "x0": "picture", "flow": "velocity"}  # by `prediction`, in words
PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction", "x0": "sample"}


class Noising:
    """A noise schedule and a kind of prediction.

    Timesteps are [rows], pictures and noise [rows, channels, height, width]. velocity_weight: see noise_error_weights.
    """

    def __init__(self, noise: Noise, velocity_weight: float):
        self.flow, self.steps = noise.prediction == "flow", noise.steps
        self.measure = f"mean squared error of the predicted {PREDICTED[noise.prediction]}"
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
        """Random timesteps [count]: whole numbers in [0, steps), or for flow models real numbers in [0, steps)."""
        if self.flow:
            return self.steps * torch.rand(count, generator=generator)
        return torch.randint(self.steps, (count,), generator=generator)

    def noisy(self, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Noised pictures at the timesteps.

        For flow models (1 - t) clean + t noise: Lipman et al. 2022, arXiv 2210.02747; Liu et al. 2022, arXiv
        2209.03003.
        """
        if self.flow:
            t = (timesteps / self.steps).view(-1, 1, 1, 1)
            return (1 - t) * clean + t * noise
        return self.scheduler.add_noise(clean, noise, timesteps)

    def target(self, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """What the network should predict: the noise, the picture, v, or noise - picture."""
        if self.flow:
            return noise - clean
        match self.config["prediction_type"]:
            case "epsilon":
                return noise
            case "sample":
                return clean
        return self.scheduler.get_velocity(clean, noise, timesteps)

    def weight(self, timesteps: torch.Tensor) -> torch.Tensor:
        """Weights of the squared errors in the loss, [rows]."""
        return torch.ones(len(timesteps)) if self.flow else self.weights[timesteps]

    def errors(
        self, predicted: torch.Tensor, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """The mean squared error of the prediction of every row, [rows]."""
        return (predicted.float() - self.target(clean, noise, timesteps)).square().mean((1, 2, 3))

    def saved_scheduler(self) -> Any:
        """The scheduler that is saved with the model."""
        if self.flow:
            return FlowMatchEulerDiscreteScheduler(**self.config)
        scheduler = EulerDiscreteScheduler(**self.config)
        scheduler.register_to_config(**LATENT_DEFAULTS)  # for other schedulers made from this configuration
        return scheduler


def noise_error_weights(alphas_cumprod: torch.Tensor, power: float) -> torch.Tensor:
    """Weights of the squared error of epsilon at every timestep: (1 / alphas_cumprod) ** power. [timesteps].

    With power 0 the loss is the plain error, in which the noisiest timesteps hardly count. There, a small error of
    epsilon is a large error of x0, and layout and colours are decided; colours then depend on the seed more than on
    the prompt. With power 1 it is the error of v (Salimans and Ho 2022, arXiv 2202.00512), in which details hardly
    count.
    """
    return alphas_cumprod**-power
