"""A guider's whole effect at one step: into its space, its formula, back, and what every guider may have on top."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cfgsweep.guidance.base import Guider, StepContext
from cfgsweep.guidance.predictions import at_level, convert
from cfgsweep.guidance.tensor_ops import gaussian_blur
from cfgsweep.samplers import PredictionKind


def guide(guider: Guider, ctx: StepContext, prediction: PredictionKind) -> tuple[Tensor, Any]:
    """The guided prediction, of the kind that the model gives, and what the guider remembers. All rows at once."""
    space = prediction if guider.space == "model" else guider.space
    inside = replace(ctx, predictions={name: convert(p, ctx, prediction, space) for name, p in ctx.predictions.items()})
    guided, memory = guider.advance(inside)
    guided = convert(guided, ctx, space, prediction)
    if "cond" in ctx.predictions and ctx.numbers["guidance_rescale"].any():
        guided = rescaled(guided, ctx.cond, ctx.numbers["guidance_rescale"])
    return guided, memory


def rescaled(guided: Tensor, cond: Tensor, amount: Tensor) -> Tensor:
    """Each sample's standard deviation drawn towards that of cond. Lin et al. 2023, arXiv 2305.08891, section 3.4."""
    spread = guided.flatten(1).std(dim=1).view_as(amount)
    factor = cond.flatten(1).std(dim=1).view_as(amount) / spread.where(spread > 0, 1)
    return amount * (guided * factor) + (1 - amount) * guided


def zero_init_prediction(ctx: StepContext, prediction: PredictionKind) -> Tensor:
    """The prediction under which a first-order sampler leaves the latents, as the denoiser sees them, what they are.

    For small steps that is a velocity of zero, which is what CFG-Zero*'s zero-init gives a flow model. A zero as
    noise prediction is something else: it takes all that is there for picture.
    """
    if prediction == "flow":  # the velocity itself
        return torch.zeros_like(ctx.latents)
    length, next_length = ((1 + sigma.square()).sqrt() for sigma in (ctx.sigma, ctx.next_sigma))
    step = ctx.next_sigma - ctx.sigma
    slope = ((next_length - length) / step.where(step != 0, 1)).where(step != 0, ctx.sigma_t)
    noise = ctx.latents * slope.nan_to_num(nan=1.0)  # the limit at pure noise, where both lengths are infinite
    return convert(noise, ctx, "epsilon", prediction)


def blur_attended(
    latents: Tensor, predicted: Tensor, attention: Tensor, sigma: float, prediction: PredictionKind, blur_sigma: float
) -> Tensor:
    """Latents whose picture (x0) is blurred where it gets more than average attention, under the same noise.

    attention: [rows, 1, height, width], 1 on average. Hong et al. 2022, arXiv 2210.00939; kernel as in diffusers.
    """
    ctx = at_level(latents, sigma)
    x0, noise = (convert(predicted, ctx, prediction, kind) for kind in ("x0", "epsilon"))
    blurred = gaussian_blur(x0, blur_sigma, reach=4)
    return ctx.alpha_t * blurred.where(attention > 1, x0) + ctx.sigma_t * noise
