"""Guiders that limit the values of the guided x0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from cfgsweep.config.parameters import Number
from cfgsweep.guidance.base import COND, UNCOND, Branch, Guider, StepContext
from cfgsweep.guidance.schedulable import NonNegative, Numeric, ZeroToOne
from cfgsweep.guidance.tensor_ops import positive, quantile

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST_SCALE = 1e-9  # instead of 0, where a ratio of scales has a limit


class DynamicThreshold(Guider):
    """Dynamic thresholding: values of the guided x0 beyond a percentile are clamped, and all are scaled to a floor.

    Where the percentile is below the floor, this is CFG.
    """

    name = "dynamic_threshold"
    formula = "clamp(g, -s, s) floor / s, s = max(floor, percentile of |g|), g = uncond + scale (cond - uncond)"
    source = "Saharia et al. 2022 (Imagen), arXiv 2205.11487"
    usual = (1.0, 30.0)
    space = "x0"
    single_branch_scales = {}  # values are clamped at scale 1, too
    differences_only = False
    percentile: ZeroToOne = 0.995
    floor: Annotated[Number, Field(gt=0)] = Field(
        3.0, description="1 for pixels, as in the paper; latents of unit variance reach about 3"
    )

    def combine(self, ctx: StepContext) -> Tensor:
        limit = quantile(ctx.cfg.abs(), ctx.numbers["percentile"]).clamp(min=self.floor)
        return ctx.cfg.clamp(-limit, limit) * (self.floor / limit)


class Mimic(Guider):
    """CFG at a high scale with the range of values of a lower one: values are clamped, and scaled to that range.

    The range is taken per channel, around its mean. At `mimic_scale` itself this is CFG.
    """

    name = "mimic"
    formula = "clamp(g - m, ±t) r / t + m, r = max|g' - m'|, t = max(r, percentile of |g - m|), g' at mimic_scale"
    source = "sd-dynamic-thresholding (mcmonkey): MEAN, AD, separate channels"
    space = "x0"
    default_scale = 15.0
    usual = (5.0, 30.0)
    differences_only = False
    mimic_scale: Numeric = 7.0
    percentile: ZeroToOne = 1.0

    def combine(self, ctx: StepContext) -> Tensor:
        guided, mimicked = ctx.cfg, ctx.uncond + ctx.numbers["mimic_scale"] * ctx.difference
        positions = tuple(range(2, guided.ndim))
        mean, mimicked_mean = (x.mean(positions, keepdim=True) for x in (guided, mimicked))
        centred = guided - mean
        mimicked_range = (mimicked - mimicked_mean).abs().amax(positions, keepdim=True)
        limit = _per_channel_quantile(centred.abs(), ctx.numbers["percentile"]).maximum(mimicked_range)
        return centred.clamp(-limit, limit) / positive(limit) * mimicked_range + mean

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches(numbers) if numbers["scale"] == numbers["mimic_scale"] else (COND, UNCOND)


def _per_channel_quantile(x: Tensor, fraction: Tensor) -> Tensor:
    """The quantile of every channel, [rows, channels, 1, 1, ...]. fraction: one per row, [rows, 1, 1, 1, ...]."""
    rows, channels = x.shape[:2]
    quantiles = quantile(x.flatten(0, 1), fraction.flatten().repeat_interleave(channels))
    return quantiles.view(rows, channels, *[1] * (x.ndim - 2))


class Skimmed(Guider):
    """CFG with a lower scale at all values that the high scale would move away from 0.

    As in Skimmed_CFG, first for the unconditional side at the guidance scale, and then for the conditional side at one
    less. Unlike there, the scale of either side is not raised where it is below `skimming`.
    """

    name = "skimmed"
    formula = "cfg, its scale lowered to `skimming` where cond, cond - uncond, the result and its change agree in sign"
    source = "Skimmed_CFG (Extraltodeus), single scale; github.com/Extraltodeus/Skimmed_CFG"
    formula_version = 2
    space = "x0"
    default_scale = 15.0
    usual = (5.0, 30.0)
    skimming: NonNegative = Field(7.0, description="the scale that is left where it is skimmed")
    full_negative: bool = Field(False, description="skim the unconditional side down to scale 0")
    same_scale: bool = Field(False, description="the conditional side at the full scale, as before October 2024")

    def combine(self, ctx: StepContext) -> Tensor:
        skimming = ctx.numbers["skimming"]
        first = skimming * 0 if self.full_negative else skimming
        uncond = _skim(ctx.uncond, ctx.cond, ctx.scale, first, ctx.noised_x0)
        cond = _skim(ctx.cond, uncond, ctx.scale - (0 if self.same_scale else 1), skimming, ctx.noised_x0)
        return uncond + ctx.scale * (cond - uncond)

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        plain = 0 < numbers["skimming"] >= numbers["scale"] and not self.full_negative
        return super().branches(numbers) if plain else (COND, UNCOND)


def _skim(one: Tensor, other: Tensor, scale: Tensor, skimming: Tensor, latents: Tensor) -> Tensor:
    """`one`, lowered where guidance away from `other` would move its values away from 0."""
    guided = other + scale * (one - other)
    outwards = (one - other).sign() == one.sign()
    outwards &= one.sign() == guided.sign()
    outwards &= guided.sign() == (guided - latents).sign()
    excess = (1 - skimming / scale.clamp(min=SMALLEST_SCALE)).clamp(min=0)  # the part of the scale above `skimming`
    return one - outwards * excess * (one - other)
