"""Measures guided predictions, see `diagnostics.py`: cheap operations on what was predicted anyway."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cfgsweep.engine.diagnostics import FIELDS
from cfgsweep.guidance.context import StepContext
from cfgsweep.guidance.predictions import convert
from cfgsweep.samplers import PredictionKind

PIXEL_RANGE, LATENT_RANGE = 1.0, 3.0  # of x0: pixels are in [-1, 1], latents are scaled to a variance of 1


def call_numbers(ctx: StepContext, guided: Tensor, prediction: PredictionKind, x0_range: float) -> Tensor:
    """FIELDS for every row, [rows, fields]; NaN where one is not defined.

    ctx: its predictions and `guided` are of the kind `prediction` that the model gives.
    """
    x0 = convert(guided, ctx, prediction, "x0").flatten(1)
    found = {
        "sigma": ctx.sigma.flatten(),
        "guided_norm": guided.flatten(1).norm(dim=1),
        "x0_mean": x0.mean(dim=1),
        "x0_std": x0.std(dim=1),
        "x0_beyond": (x0.abs() > x0_range).float().mean(dim=1),
        **_of_pair(ctx, guided),
    }
    if "scale" in ctx.numbers:
        found["scale"] = ctx.scale.flatten()
    undefined = torch.full_like(found["guided_norm"], math.nan)
    return torch.stack([found.get(name, undefined) for name in FIELDS], dim=1)


def _of_pair(ctx: StepContext, guided: Tensor) -> dict[str, Tensor]:
    """What compares the conditional and the unconditional prediction, as far as they are there."""
    named = {name: ctx.predictions[name].flatten(1) for name in ("cond", "uncond") if name in ctx.predictions}
    norms = {name: predicted.norm(dim=1) for name, predicted in named.items()}
    found = {f"{name}_norm": norm for name, norm in norms.items()}
    if len(named) < 2:
        return found
    cond, uncond = named["cond"], named["uncond"]
    difference, push = cond - uncond, guided.flatten(1) - uncond
    length = difference.norm(dim=1)
    effective = (push * difference).sum(dim=1) / length.square()
    across = (push - effective[:, None] * difference).norm(dim=1) / length
    cosine = (cond * uncond).sum(dim=1) / (norms["cond"] * norms["uncond"])
    pair = {"difference_norm": length, "cosine": cosine, "effective_scale": effective, "off_direction": across}
    return found | pair
