"""Conversions between the kinds of prediction: epsilon, x0, v, flow."""

from __future__ import annotations

from torch import Tensor

from cfgsweep.guidance.context import StepContext
from cfgsweep.samplers import PredictionKind


def to_x0(predicted: Tensor, latents: Tensor, sigma: float, prediction: PredictionKind) -> Tensor:
    """The picture (x0) that a prediction stands for."""
    return convert(predicted, at_level(latents, sigma), prediction, "x0")


def at_level(latents: Tensor, sigma: float) -> StepContext:
    """Latents at a noise level, for conversions."""
    level = latents.new_full((1,) * latents.ndim, sigma)
    return StepContext(predictions={}, numbers={}, latents=latents, sigma=level, next_sigma=level)


def convert(predicted: Tensor, ctx: StepContext, given: PredictionKind, wanted: PredictionKind) -> Tensor:
    """A prediction in one space, as what it says in another. latents = alpha x0 + sigma noise."""
    if given == wanted:
        return predicted
    match given:
        case "epsilon":
            data, noise = (ctx.latents - ctx.sigma_t * predicted) / ctx.alpha_t, predicted
        case "x0":
            data, noise = predicted, (ctx.latents - ctx.alpha_t * predicted) / ctx.sigma_t
        case "flow":
            longer = (
                ctx.alpha_t + ctx.sigma_t
            )  # (1 - t) x0 + t noise is ctx.latents over this, and t ctx.sigma_t over this
            data = (ctx.latents - ctx.sigma_t * predicted) / longer
            noise = (ctx.latents + ctx.alpha_t * predicted) / longer
        case _:
            data = ctx.alpha_t * ctx.latents - ctx.sigma_t * predicted
            noise = ctx.sigma_t * ctx.latents + ctx.alpha_t * predicted
    match wanted:
        case "epsilon":
            return noise
        case "x0":
            return data
        case "flow":
            return noise - data
    return ctx.alpha_t * noise - ctx.sigma_t * data
