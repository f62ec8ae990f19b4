"""Guiders that look at the guided picture's values and bring back what went too far."""

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


class DynamicThreshold(Guider):
    """Imagen's: values of the guided picture (x0) beyond a percentile are cut off, and all shrunk to a floor.

    Where the percentile lies below the floor nothing happens, so there the guider is CFG.
    """

    name = "dynamic_threshold"
    formula = "clamp(g, -s, s) floor / s, s = max(floor, percentile of |g|), g = uncond + scale (cond - uncond)"
    source = "Saharia et al. 2022 (Imagen), arXiv 2205.11487"
    space = "x0"
    single_branch_scales = {}  # at scale 1, too, values are cut off
    differences_only = False
    percentile: ZeroToOne = 0.995
    floor: Annotated[Number, Field(gt=0)] = Field(
        3.0, description="1 for pixels, as in the paper; latents of unit variance reach about 3"
    )

    def combine(self, ctx: StepContext) -> Tensor:
        limit = quantile(ctx.cfg.abs(), ctx.numbers["percentile"]).clamp(min=self.floor)
        return ctx.cfg.clamp(-limit, limit) * (self.floor / limit)


class Mimic(Guider):
    """CFG at a high scale with the range of values of a lower one: what is beyond is cut off and the rest shrunk.

    Per channel, around its mean. At `mimic_scale` itself nothing happens.
    """

    name = "mimic"
    formula = "clamp(g - m, ±t) r / t + m, r = max|g' - m'|, t = max(r, percentile of |g - m|), g' at mimic_scale"
    source = "sd-dynamic-thresholding (mcmonkey): MEAN, AD, separate channels"
    space = "x0"
    default_scale = 15.0
    differences_only = False
    mimic_scale: Numeric = 7.0
    percentile: ZeroToOne = 1.0

    def combine(self, ctx: StepContext) -> Tensor:
        guided, mimicked = ctx.cfg, ctx.uncond + ctx.numbers["mimic_scale"] * ctx.difference
        mean, other_mean = (x.mean((-2, -1), keepdim=True) for x in (guided, mimicked))
        centred = guided - mean
        reach = (mimicked - other_mean).abs().amax((-2, -1), keepdim=True)
        limit = _per_channel_quantile(centred.abs(), ctx.numbers["percentile"]).maximum(reach)
        return centred.clamp(-limit, limit) / positive(limit) * reach + mean

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches(numbers) if numbers["scale"] == numbers["mimic_scale"] else (COND, UNCOND)


def _per_channel_quantile(x: Tensor, at: Tensor) -> Tensor:
    rows, channels = x.shape[:2]
    return quantile(x.flatten(0, 1), at.flatten().repeat_interleave(channels)).view(rows, channels, 1, 1)


class Skimmed(Guider):
    """CFG whose high scale is replaced by a lower one wherever it would push values outwards.

    As Skimmed_CFG does it, first for the unconditional side and then for the conditional one; but a scale below
    `skimming` is left alone, where the original would raise it.
    """

    name = "skimmed"
    formula = "cfg, its scale lowered to `skimming` where cond, cond - uncond, the result and its change agree in sign"
    source = "Skimmed_CFG (Extraltodeus), single scale"
    space = "x0"
    default_scale = 15.0
    skimming: NonNegative = Field(7.0, description="the scale that is left where it is skimmed")
    full_negative: bool = Field(False, description="skim the unconditional side down to scale 0")

    def combine(self, ctx: StepContext) -> Tensor:
        skimming = ctx.numbers["skimming"].minimum(ctx.scale.clamp(min=0))
        first = skimming * 0 if self.full_negative else skimming
        uncond = _skim(ctx, ctx.uncond, ctx.cond, first)
        cond = _skim(ctx, ctx.cond, uncond, skimming)
        return uncond + ctx.scale * (cond - uncond)

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        plain = numbers["scale"] <= numbers["skimming"] and not self.full_negative
        return super().branches(numbers) if plain else (COND, UNCOND)


def _skim(ctx: StepContext, one: Tensor, other: Tensor, skimming: Tensor) -> Tensor:
    """`one`, lowered where guidance away from `other` would push its values outwards."""
    guided, low = (other + scale * (one - other) for scale in (ctx.scale, skimming))
    outwards = (one - other).sign() == one.sign()
    outwards &= one.sign() == guided.sign()
    outwards &= guided.sign() == (guided - ctx.latents / ctx.alpha_t).sign()  # latents as x0 + noise, as it takes them
    return one - outwards * (guided - low) / ctx.scale.where(ctx.scale != 0, 1)
