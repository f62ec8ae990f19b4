"""One step of guidance on tensors: conversion to the guider's space, its formula, conversion back, rescaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from cfgsweep.guidance.context import StepContext
from cfgsweep.guidance.predictions import at_level, convert
from cfgsweep.guidance.tensor_ops import gaussian_blur
from cfgsweep.samplers import PredictionKind


class Formula(Protocol):
    """What is needed of a guider to apply it. See `cfgsweep.guidance.base.Guider`."""

    stateful: ClassVar[bool]

    def space_for(self, prediction: PredictionKind) -> PredictionKind: ...
    def combine(self, ctx: StepContext) -> Tensor: ...
    def remember(self, ctx: StepContext) -> Tensor: ...


def guide_rows(
    guider: Formula, ctx: StepContext, memories: Sequence[Tensor | None], prediction: PredictionKind
) -> tuple[Tensor, Sequence[Tensor | None]]:
    """The guided predictions of a batch of rows, and the memory of every row. See `GuiderBase.guide_rows`."""
    if guider.stateful:
        zeros = torch.zeros_like(ctx.latents[:1])
        ctx = replace(ctx, memory=torch.cat([zeros if memory is None else memory for memory in memories]))
    guided, memory = guide(guider, ctx, prediction)
    return guided, [None] * len(memories) if memory is None else torch.split(memory, 1)


def guide(guider: Formula, ctx: StepContext, prediction: PredictionKind) -> tuple[Tensor, Tensor | None]:
    """The guided predictions, of the kind `prediction` that the model gives, and the memory of a stateful guider."""
    space = guider.space_for(prediction)
    converted = {name: convert(predicted, ctx, prediction, space) for name, predicted in ctx.predictions.items()}
    inside = replace(ctx, predictions=converted, flow=prediction == "flow")
    if guider.stateful:
        inside = replace(inside, memory=guider.remember(inside))
    guided = convert(guider.combine(inside), ctx, space, prediction)
    if "cond" in ctx.predictions and ctx.numbers["guidance_rescale"].any():
        guided = rescale(guided, ctx.cond, ctx.numbers["guidance_rescale"])
    return guided, inside.memory if guider.stateful else None


def rescale(guided: Tensor, cond: Tensor, amount: Tensor) -> Tensor:
    """Moves each sample's standard deviation towards that of cond. Lin et al. 2023, arXiv 2305.08891, section 3.4.

    amount: between 0 (unchanged) and 1 (the standard deviation of cond), [rows, 1, 1, 1].
    """
    std = guided.flatten(1).std(dim=1).view_as(amount)
    factor = cond.flatten(1).std(dim=1).view_as(amount) / std.where(std > 0, 1)
    return amount * (guided * factor) + (1 - amount) * guided


def zero_init_prediction(ctx: StepContext, prediction: PredictionKind) -> Tensor:
    """The prediction with which a first-order sampler leaves the denoiser's input unchanged.

    For small steps that is a velocity of zero, as the zero-init of CFG-Zero* has it for flow models. A prediction of
    zero noise is something else: all of the latents would be taken for x0.
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
    """Latents whose x0 is blurred where it receives more than average attention, under the same noise.

    Hong et al. 2022, arXiv 2210.00939; the kernel as in diffusers.

    latents: alpha_t x0 + sigma_t noise, [rows, channels, height, width]. predicted: the prediction made from them.
    attention: [rows, 1, height, width], 1 on average. sigma: sigma_t / alpha_t. blur_sigma: in positions of the
    latents.
    """
    ctx = at_level(latents, sigma)
    x0, noise = (convert(predicted, ctx, prediction, kind) for kind in ("x0", "epsilon"))
    blurred = gaussian_blur(x0, blur_sigma, reach=(4, 4))
    return ctx.alpha_t * blurred.where(attention > 1, x0) + ctx.sigma_t * noise
