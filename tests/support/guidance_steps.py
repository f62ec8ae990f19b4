"""One step of guidance on given predictions, with the context that the engine would make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from cfgsweep.guidance import Guider, StepContext
from cfgsweep.guidance.apply import guide
from cfgsweep.guidance.predictions import PredictionKind


def step_context(
    guider: Guider, predictions: Mapping[str, torch.Tensor], sigma: float = 0.8, seed: int = 0, **numbers: object
) -> StepContext:
    """The context of a step.

    sigma: sigma_t, of latents = alpha_t x0 + sigma_t noise. numbers: the scale, and other values of numeric parameters
    than the guider has; one for all rows, or one per row.
    """
    some = next(iter(predictions.values()))
    rows = len(some)
    given = {name: values[0] for name, values in guider.parameter_values(1).items()}

    def column(value: object) -> torch.Tensor:
        numbers = value if isinstance(value, Sequence) else [value] * rows
        return torch.tensor(numbers, dtype=some.dtype).view(-1, *[1] * (some.ndim - 1))

    level = sigma / (1 - sigma**2) ** 0.5 if sigma < 1 else float("inf")
    return StepContext(
        predictions=predictions,
        numbers={name: column(value) for name, value in {**given, **numbers}.items()},
        latents=torch.randn(some.shape, generator=torch.Generator().manual_seed(seed), dtype=some.dtype),
        sigma=column(level),
        next_sigma=column(0.9 * min(level, 1e3)),
        memory=torch.zeros_like(some),
    )


def guided(
    guider: Guider, predictions: Mapping[str, torch.Tensor], prediction: PredictionKind = "epsilon", **settings: object
) -> torch.Tensor:
    """The guided prediction; settings are those of `step_context`."""
    return guide(guider, step_context(guider, predictions, **settings), prediction)[0]  # type: ignore[arg-type]
