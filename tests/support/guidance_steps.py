"""One step of guidance on given predictions, as the engine would ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from cfgsweep.guidance import Guider, StepContext
from cfgsweep.guidance.apply import guide
from cfgsweep.guidance.predictions import PredictionKind


def moment(
    guider: Guider, predictions: Mapping[str, torch.Tensor], sigma: float = 0.8, seed: int = 0, **numbers: object
) -> StepContext:
    """The guider's numeric parameters as they are, or as `numbers` say, one for all rows or one a row."""
    some = next(iter(predictions.values()))
    rows = len(some)
    given = {name: values[0] for name, values in guider.parameter_values(1).items()}

    def column(value: object) -> torch.Tensor:
        numbers = value if isinstance(value, Sequence) else [value] * rows
        return torch.tensor(numbers, dtype=some.dtype).view(-1, *[1] * (some.ndim - 1))

    alpha = (1 - sigma**2) ** 0.5
    return StepContext(
        predictions=predictions,
        numbers={name: column(value) for name, value in {**given, **numbers}.items()},
        latents=torch.randn(some.shape, generator=torch.Generator().manual_seed(seed), dtype=some.dtype),
        sigma=column(sigma / alpha),
        next_sigma=column(0.9 * sigma / alpha),
        memory=torch.zeros_like(some),
    )


def guided(
    guider: Guider, predictions: Mapping[str, torch.Tensor], prediction: PredictionKind = "epsilon", **settings: object
) -> torch.Tensor:
    """The guided prediction; settings are those of `moment`."""
    return guide(guider, moment(guider, predictions, **settings), prediction)[0]  # type: ignore[arg-type]
