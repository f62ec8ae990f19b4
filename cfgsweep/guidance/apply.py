"""A guider's whole effect at one step: into its space, its formula, back, and what every guider may have on top."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cfgsweep.guidance.base import Guider, Moment
from cfgsweep.guidance.predictions import SPACES, Prediction, at_level, converted
from cfgsweep.guidance.tensor_ops import gaussian_blur


def guide(guider: Guider, at: Moment, prediction: Prediction) -> tuple[Tensor, Any]:
    """The guided prediction, of the kind that the model gives, and what the guider remembers. All rows at once."""
    given = SPACES[prediction]
    space = given if guider.space == "model" else guider.space
    inside = replace(at, predictions={name: converted(p, at, given, space) for name, p in at.predictions.items()})
    guided, memory = guider.advance(inside)
    guided = converted(guided, at, space, given)
    if "cond" in at.predictions and at.numbers["guidance_rescale"].any():
        guided = rescaled(guided, at.cond, at.numbers["guidance_rescale"])
    return guided, memory


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
    if prediction == "flow_prediction":  # the velocity itself
        return torch.zeros_like(at.latents)
    length, next_length = ((1 + ratio.square()).sqrt() for ratio in (at.ratio, at.next_ratio))
    step = at.next_ratio - at.ratio
    slope = ((next_length - length) / step.where(step != 0, 1)).where(step != 0, at.sigma)
    noise = at.latents * slope.nan_to_num(nan=1.0)  # the limit at pure noise, where both lengths are infinite
    return converted(noise, at, "noise", SPACES[prediction])


def blurred_where_it_looks(
    latents: Tensor, predicted: Tensor, attention: Tensor, ratio: float, prediction: Prediction, blur_sigma: float
) -> Tensor:
    """Latents whose picture (x0) is blurred where it gets more than average attention, under the same noise.

    attention: [rows, 1, height, width], 1 on average. Hong et al. 2022, arXiv 2210.00939; kernel as in diffusers.
    """
    at = at_level(latents, ratio)
    data, noise = (converted(predicted, at, SPACES[prediction], space) for space in ("data", "noise"))
    blurred = gaussian_blur(data, blur_sigma, reach=4)
    return at.alpha * blurred.where(attention > 1, data) + at.sigma * noise
