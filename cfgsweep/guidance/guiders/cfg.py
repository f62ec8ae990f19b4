"""Classifier-free guidance, and the guiders that change its weights alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from cfgsweep.guidance.base import COND, UNCOND, Branch, Guider, StepContext
from cfgsweep.guidance.schedulable import Numeric
from cfgsweep.guidance.tensor_ops import along

if TYPE_CHECKING:
    from torch import Tensor


class CFG(Guider):
    """Classifier-free guidance, as Imagen and everybody since writes it; or as its paper does."""

    name = "cfg"
    formula = "uncond + scale (cond - uncond); original_formulation: cond + scale (cond - uncond)"
    source = "Ho & Salimans 2022, arXiv 2207.12598"
    original_formulation: bool = Field(False, description="count the scale from 0 at the conditional prediction")

    @property
    def special_scales(self) -> tuple[float, ...]:
        return tuple(scale - self.original_formulation for scale in super().special_scales)

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches({"scale": numbers["scale"] + self.original_formulation})

    def combine(self, ctx: StepContext) -> Tensor:
        return ctx.cond + ctx.scale * ctx.difference if self.original_formulation else ctx.cfg


class CFGZero(Guider):
    """CFG with the unconditional prediction scaled to explain the conditional one best (CFG-Zero*).

    Formulated for velocities; others are converted. The paper's zero-init is `zero_init_steps`, 4 % of the steps.
    """

    name = "cfg_zero"
    formula = "a uncond + scale (cond - a uncond), a = <cond, uncond> / |uncond|²"
    source = "Fan et al. 2025, arXiv 2503.18886"
    space = "v"
    optimize_uncondition: bool = Field(True, description="off: CFG, for zero_init_steps alone")

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches(numbers) if numbers["scale"] == 1 or not self.optimize_uncondition else (COND, UNCOND)

    def combine(self, ctx: StepContext) -> Tensor:
        uncond = ctx.uncond
        if self.optimize_uncondition:
            uncond = along(ctx.cond, uncond)
        return uncond + ctx.scale * (ctx.cond - uncond)


class CFGPlusPlus(Guider):
    """CFG++: the guided picture, but the unconditional noise put back; scales from 0 to 1.

    For samplers of first order that is CFG at a scale which follows the noise: scale r / (r - r'), with
    r = sigma / alpha before and r' after the step.
    """

    name = "cfg_pp"
    formula = "uncond + scale r / (r - r') (cond - uncond), r = sigma / alpha now, r' after the step"
    source = "Chung et al. 2024, arXiv 2406.08070"
    default_scale = 0.6
    single_branch_scales = {0.0: UNCOND}
    samplers = ("euler", "ddim")

    def combine(self, ctx: StepContext) -> Tensor:
        fall = ctx.sigma - ctx.next_sigma
        weight = (ctx.sigma / fall.where(fall != 0, 1)).where(fall != 0, 1)  # a step that goes nowhere has no weight
        return ctx.uncond + ctx.scale * weight * ctx.difference


class PerpNeg(Guider):
    """Guidance with a negative prompt of which only what is perpendicular to the prompt is taken away.

    Three predictions: prompt, negative prompt, no text. The scale is the prompt's.
    """

    name = "perp_neg"
    formula = "e + scale (p - neg_scale (n - <n, p> p / |p|²)), p = cond - e, n = uncond - e, e = no text"
    source = "Armandpour et al. 2023, arXiv 2304.04968"
    differences_only = False
    neg_scale: Numeric = Field(1.0, description="the negative prompt's weight")

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        if numbers["scale"] == 0:
            return (EMPTY,)
        if numbers["neg_scale"] == 0:
            return (COND,) if numbers["scale"] == 1 else (COND, EMPTY)
        return COND, UNCOND, EMPTY

    def combine(self, ctx: StepContext) -> Tensor:
        empty = ctx.predictions["empty"]
        towards = ctx.cond - empty
        if "uncond" in ctx.predictions:
            away = ctx.uncond - empty
            return empty + ctx.scale * (towards - ctx.numbers["neg_scale"] * (away - along(away, towards)))
        return empty + ctx.scale * towards


EMPTY = Branch("empty", "nothing")
