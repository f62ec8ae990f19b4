"""Conversions between the kinds of prediction: epsilon, x0, v, flow."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from cfgsweep.guidance.base import Moment, Space

# As a scheduler's configuration calls what a model predicts; flow models have schedulers of their own.
Prediction = Literal["epsilon", "sample", "v_prediction", "flow_prediction"]


SPACES: dict[Prediction, Space] = {
    "epsilon": "noise",
    "sample": "data",
    "v_prediction": "velocity",
    "flow_prediction": "flow",
}


def picture_of(predicted: Tensor, latents: Tensor, ratio: float, prediction: Prediction) -> Tensor:
    """The picture (x0) that a prediction stands for."""
    return converted(predicted, at_level(latents, ratio), SPACES[prediction], "data")


def at_level(latents: Tensor, ratio: float) -> Moment:
    """Latents at a noise level, for conversions."""
    level = latents.new_full((1,) * latents.ndim, ratio)
    return Moment(predictions={}, numbers={}, latents=latents, ratio=level, next_ratio=level)


def converted(predicted: Tensor, at: Moment, given: Space, wanted: Space) -> Tensor:
    """A prediction in one space, as what it says in another. latents = alpha x0 + sigma noise."""
    if given == wanted:
        return predicted
    match given:
        case "noise":
            data, noise = (at.latents - at.sigma * predicted) / at.alpha, predicted
        case "data":
            data, noise = predicted, (at.latents - at.alpha * predicted) / at.sigma
        case "flow":
            longer = at.alpha + at.sigma  # (1 - t) x0 + t noise is at.latents over this, and t at.sigma over this
            data = (at.latents - at.sigma * predicted) / longer
            noise = (at.latents + at.alpha * predicted) / longer
        case _:
            data = at.alpha * at.latents - at.sigma * predicted
            noise = at.sigma * at.latents + at.alpha * predicted
    match wanted:
        case "noise":
            return noise
        case "data":
            return data
        case "flow":
            return noise - data
    return at.alpha * noise - at.sigma * data
