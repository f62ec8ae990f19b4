"""Conversions between kinds of prediction: epsilon, x0, v and flow, all of latents = alpha_t x0 + sigma_t noise."""

from __future__ import annotations

from torch import Tensor

from cfgsweep.guidance.context import StepContext
from cfgsweep.samplers import PredictionKind


def to_x0(predicted: Tensor, latents: Tensor, sigma: float, prediction: PredictionKind) -> Tensor:
    """Converts a prediction to x0. sigma: the noise level sigma_t / alpha_t of the latents."""
    return convert(predicted, at_level(latents, sigma), prediction, "x0")


def at_level(latents: Tensor, sigma: float) -> StepContext:
    """A context for conversions: latents at a noise level sigma, without predictions."""
    level = latents.new_full((1,) * latents.ndim, sigma)
    return StepContext(predictions={}, numbers={}, latents=latents, sigma=level, next_sigma=level)


def convert(predicted: Tensor, ctx: StepContext, given: PredictionKind, wanted: PredictionKind) -> Tensor:
    """Converts a prediction from the kind `given` to the kind `wanted`. ctx: its latents and their noise level."""
    if given == wanted:
        return predicted
    match given:
        case "epsilon":
            x0, noise = (ctx.latents - ctx.sigma_t * predicted) / ctx.alpha_t, predicted
        case "x0":
            x0, noise = predicted, (ctx.latents - ctx.alpha_t * predicted) / ctx.sigma_t
        case "flow":
            total = (
                ctx.alpha_t + ctx.sigma_t
            )  # flow models have (1 - t) x0 + t noise = latents / total, t = sigma_t / total
            x0 = (ctx.latents - ctx.sigma_t * predicted) / total
            noise = (ctx.latents + ctx.alpha_t * predicted) / total
        case _:
            x0 = ctx.alpha_t * ctx.latents - ctx.sigma_t * predicted
            noise = ctx.sigma_t * ctx.latents + ctx.alpha_t * predicted
    match wanted:
        case "epsilon":
            return noise
        case "x0":
            return x0
        case "flow":
            return noise - x0
    return ctx.alpha_t * noise - ctx.sigma_t * x0
