"""Classifier-free guidance, and guiders that only change its weights."""

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
    """Classifier-free guidance, in the notation of Imagen or in that of its own paper."""

    name = "cfg"
    formula = "uncond + scale (cond - uncond); original_formulation: cond + scale (cond - uncond)"
    source = "Ho & Salimans 2022, arXiv 2207.12598"
    usual = (1.0, 15.0)
    original_formulation: bool = Field(False, description="count the scale from 0 at the conditional prediction")

    @property
    def special_scales(self) -> tuple[float, ...]:
        return tuple(scale - self.original_formulation for scale in super().special_scales)

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches({"scale": numbers["scale"] + self.original_formulation})

    def combine(self, ctx: StepContext) -> Tensor:
        return ctx.cond + ctx.scale * ctx.difference if self.original_formulation else ctx.cfg


class CFGZero(Guider):
    """CFG-Zero*: CFG with the unconditional prediction scaled to be as close to the conditional one as possible.

    The scale is that of velocities. For flow models this is their own prediction, noise - x0, as in the authors' code,
    which is for flow models alone; for others it is v = alpha_t noise - sigma_t x0. The paper's zero-init is
    `zero_init_steps`, at 4 % of the steps.
    """

    name = "cfg_zero"
    formula = "a uncond + scale (cond - a uncond), a = <cond, uncond> / |uncond|²"
    source = "Fan et al. 2025, arXiv 2503.18886; github.com/WeichenFan/CFG-Zero-star"
    formula_version = 2
    usual = (1.0, 15.0)
    space = "v"
    flow_space = "flow"
    optimize_uncondition: bool = Field(True, description="off: CFG, for zero_init_steps alone")

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches(numbers) if numbers["scale"] == 1 or not self.optimize_uncondition else (COND, UNCOND)

    def combine(self, ctx: StepContext) -> Tensor:
        uncond = ctx.uncond
        if self.optimize_uncondition:
            uncond = along(ctx.cond, uncond)
        return uncond + ctx.scale * (ctx.cond - uncond)


class CFGPlusPlus(Guider):
    """CFG++: the guided x0 is noised again with the unconditional noise; scales are from 0 to 1.

    For first-order samplers this is CFG with the scale multiplied by r / (r - r'), where r = sigma / alpha before the
    step and r' after it.
    """

    name = "cfg_pp"
    formula = "uncond + scale r / (r - r') (cond - uncond), r = sigma / alpha now, r' after the step"
    source = "Chung et al. 2024, arXiv 2406.08070"
    default_scale = 0.6
    usual = (0.0, 1.0)
    single_branch_scales = {0.0: UNCOND}
    samplers = ("euler", "ddim")

    def combine(self, ctx: StepContext) -> Tensor:
        step = ctx.sigma - ctx.next_sigma
        weight = (ctx.sigma / step.where(step != 0, 1)).where(step != 0, 1)  # any weight does for a step of size 0
        weight = weight.where(ctx.sigma.isfinite(), 1)  # the limit at pure noise
        return ctx.uncond + ctx.scale * weight * ctx.difference


class PerpNeg(Guider):
    """Guidance away from the part of the negative prompt's direction that is perpendicular to the prompt's direction.

    Takes three predictions: prompt, negative prompt, no text. The scale is that of the prompt.
    """

    name = "perp_neg"
    formula = "e + scale (p - neg_scale (n - <n, p> p / |p|²)), p = cond - e, n = uncond - e, e = no text"
    source = "Armandpour et al. 2023, arXiv 2304.04968"
    usual = (1.0, 15.0)
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
        positive = ctx.cond - empty
        if "uncond" in ctx.predictions:
            negative = ctx.uncond - empty
            perpendicular = negative - along(negative, positive)
            return empty + ctx.scale * (positive - ctx.numbers["neg_scale"] * perpendicular)
        return empty + ctx.scale * positive


EMPTY = Branch("empty", "nothing")
