"""A guider's whole effect at one step: into its space, its formula, back, and what every guider may have on top."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from torch import Tensor

from cfgsweep.guidance.base import Guider, Moment

Prediction = Literal["epsilon", "sample", "v_prediction"]  # as a scheduler's configuration calls what a model predicts


def guide(guider: Guider, at: Moment, prediction: Prediction) -> tuple[Tensor, Tensor | None]:
    """The guided prediction, of the kind that the model gives, and what the guider remembers. All rows at once."""
    inside = replace(at, predictions={name: _into(guider, at, prediction, p) for name, p in at.predictions.items()})
    if guider.stateful:
        inside = replace(inside, memory=guider.remember(inside))
    guided = _back(guider, at, prediction, guider.combine(inside))
    if "cond" in at.predictions and at.numbers["guidance_rescale"].any():
        guided = rescaled(guided, at.cond, at.numbers["guidance_rescale"])
    return guided, inside.memory


def rescaled(guided: Tensor, cond: Tensor, amount: Tensor) -> Tensor:
    """Each sample's standard deviation drawn towards that of cond. Lin et al. 2023, arXiv 2305.08891, section 3.4."""
    spread = guided.flatten(1).std(dim=1).view_as(amount)
    factor = cond.flatten(1).std(dim=1).view_as(amount) / spread.where(spread > 0, 1)
    return amount * (guided * factor) + (1 - amount) * guided


def standing_still(at: Moment, prediction: Prediction) -> Tensor:
    """The prediction under which a first-order sampler leaves the latents, as the denoiser sees them, what they are.

    For small steps that is a velocity of zero, which is what CFG-Zero*'s zero-init gives a flow model. A zero as
    noise prediction is something else: it takes all that is there for picture.
    """
    length, next_length = ((1 + ratio.square()).sqrt() for ratio in (at.ratio, at.next_ratio))
    step = at.next_ratio - at.ratio
    slope = ((next_length - length) / step.where(step != 0, 1)).where(step != 0, at.sigma)
    noise = at.latents * slope.nan_to_num(nan=1.0)  # the limit at pure noise, where both lengths are infinite
    match prediction:
        case "epsilon":
            return noise
        case "sample":
            return (at.latents - at.sigma * noise) / at.alpha
    return (noise - at.sigma * at.latents) / at.alpha


def _into(guider: Guider, at: Moment, prediction: Prediction, predicted: Tensor) -> Tensor:
    if guider.space == "model" or guider.space == SPACES[prediction]:
        return predicted
    data, noise = _data_and_noise(predicted, at, prediction)
    match guider.space:
        case "data":
            return data
        case "noise":
            return noise
    return at.alpha * noise - at.sigma * data


def _back(guider: Guider, at: Moment, prediction: Prediction, guided: Tensor) -> Tensor:
    if guider.space == "model" or guider.space == SPACES[prediction]:
        return guided
    data, noise = _data_and_noise(guided, at, KINDS[guider.space])
    return _from_velocity(at.alpha * noise - at.sigma * data, at, prediction)


SPACES = {"epsilon": "noise", "sample": "data", "v_prediction": "velocity"}
KINDS: dict[str, Prediction] = {"noise": "epsilon", "data": "sample", "velocity": "v_prediction"}


def _data_and_noise(predicted: Tensor, at: Moment, prediction: Prediction) -> tuple[Tensor, Tensor]:
    """x0 and epsilon. latents = alpha x0 + sigma epsilon."""
    match prediction:
        case "epsilon":
            return (at.latents - at.sigma * predicted) / at.alpha, predicted
        case "sample":
            return predicted, (at.latents - at.alpha * predicted) / at.sigma
    return at.alpha * at.latents - at.sigma * predicted, at.sigma * at.latents + at.alpha * predicted


def _from_velocity(velocity: Tensor, at: Moment, prediction: Prediction) -> Tensor:
    match prediction:
        case "epsilon":
            return at.sigma * at.latents + at.alpha * velocity
        case "sample":
            return at.alpha * at.latents - at.sigma * velocity
    return velocity
