"""Guiders that normalise: the three normalisations of dynamic guidance, and others that keep a norm or an energy.

Norms are taken per sample. The PyPI package cf_guidance takes them over the whole batch, which is the same at batch
size 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from cfgsweep.config.fractions import check_in_order
from cfgsweep.config.parameters import Number
from cfgsweep.guidance.base import COND, UNCOND, Branch, Guider, StepContext
from cfgsweep.guidance.schedulable import NonNegative
from cfgsweep.guidance.tensor_ops import norm, per_sample, positive, quantile

if TYPE_CHECKING:
    from torch import Tensor


class PredNorm(Guider):
    """CFG, scaled to the norm of the unconditional prediction."""

    name = "prednorm"
    formula = "g |uncond| / |g|, g = uncond + scale (cond - uncond)"
    source = "`BaseNormGuidance` of PyPI cf_guidance 0.0.3"
    usual = (1.0, 15.0)
    single_branch_scales = {0.0: UNCOND}

    def combine(self, ctx: StepContext) -> Tensor:
        return ctx.cfg * (norm(ctx.uncond) / norm(ctx.cfg))


class TNorm(Guider):
    """The difference of the predictions, normalised to the norm of the unconditional one, times the scale (G_small)."""

    name = "tnorm"
    formula = "uncond + scale |uncond| (cond - uncond) / |cond - uncond|"
    source = "`TNormGuidance` of PyPI cf_guidance 0.0.3"
    default_scale = 0.15
    usual = (0.05, 0.3)
    single_branch_scales = {0.0: UNCOND}

    def combine(self, ctx: StepContext) -> Tensor:
        # Where both predictions are equal (for an empty prompt) the difference is 0, and nothing is added.
        return ctx.uncond + (ctx.scale * ctx.difference) / positive(norm(ctx.difference)) * norm(ctx.uncond)


class FullNorm(TNorm):
    """T-Normalization, then scaled to the norm of the unconditional prediction."""

    name = "fullnorm"
    formula = "g |uncond| / |g|, g as tnorm makes it"
    source = "`FullNormGuidance` of PyPI cf_guidance 0.0.3"

    def combine(self, ctx: StepContext) -> Tensor:
        guided = super().combine(ctx)
        return guided * (norm(ctx.uncond) / norm(guided))


class EPCFG(Guider):
    """CFG, scaled to the energy of the conditional prediction.

    The energy is the sum of the squares between two of their percentiles, which extreme values do not change. For flow
    models it is that of their own prediction, as in the first author's code, which counts everything (`low: 0`,
    `high: 1`); for others it is that of the noise prediction.
    """

    name = "ep_cfg"
    formula = "g sqrt(E(cond) / E(g)), g = uncond + scale (cond - uncond), E = sum of squares from `low` to `high`"
    source = "Zhang et al. 2024, arXiv 2412.09966; github.com/Kai-46/minFM"
    formula_version = 2
    usual = (1.0, 15.0)
    space = "epsilon"
    flow_space = "flow"
    single_branch_scales = {1.0: COND}
    low: Annotated[Number, Field(ge=0, lt=1)] = Field(0.45, description="lower percentile, as a fraction")
    high: Annotated[Number, Field(gt=0, le=1)] = Field(0.55, description="upper percentile; 0 and 1 count everything")

    @model_validator(mode="after")
    def _percentiles_are_in_order(self) -> EPCFG:
        check_in_order("no percentiles lie between", low=self.low, high=self.high)
        return self

    def combine(self, ctx: StepContext) -> Tensor:
        return ctx.cfg * (self._energy(ctx.cond) / positive(self._energy(ctx.cfg))).sqrt()

    def _energy(self, x: Tensor) -> Tensor:
        squares = x.square()
        inside = (squares >= quantile(squares, self.low)) & (squares <= quantile(squares, self.high))
        return per_sample((squares * inside).flatten(1).sum(dim=1), x)


class BetaCFG(Guider):
    """CFG with the difference divided by a power of its norm; meant for the `beta` schedule.

    The norm is that of noise predictions, as in the authors' code, which is for models that predict noise. For flow
    models, where differences of noise vanish at pure noise, it is that of the flow.
    """

    name = "beta_cfg"
    formula = "uncond + scale (cond - uncond) / |cond - uncond|^gamma"
    source = "Malarz et al. 2025, arXiv 2502.10574; github.com/gmum/beta-CFG"
    defaults_version = 2
    formula_version = 2
    usual = (1.0, 15.0)
    space = "epsilon"
    flow_space = "flow"
    gamma: NonNegative = Field(1.0, description="0 is CFG, 1 forgets the length altogether")

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches(numbers) if numbers["scale"] == 0 or numbers["gamma"] == 0 else (COND, UNCOND)

    def combine(self, ctx: StepContext) -> Tensor:
        return ctx.uncond + ctx.scale * ctx.difference / positive(norm(ctx.difference)) ** ctx.numbers["gamma"]


class MagnitudeAware(Guider):
    """CFG with a lower scale where the predictions differ much, relative to the norm of the unconditional one.

    The norms are those of velocities. For flow models this is their own prediction, noise - x0, as in the authors'
    code, which is for flow models alone; for others it is v = alpha_t noise - sigma_t x0.
    """

    name = "mambo_g"
    formula = "uncond + w (cond - uncond), w = 1 + (scale - 1) exp(-alpha |cond - uncond| / |uncond|)"
    source = "Zhu et al. 2025 (MAMBO-G), arXiv 2508.03442; github.com/xiaomomy/MAMBO-G"
    formula_version = 2
    usual = (1.0, 15.0)
    space = "v"
    flow_space = "flow"
    alpha: NonNegative = Field(8.0, description="0 is CFG")

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches(numbers) if numbers["scale"] == 1 or numbers["alpha"] == 0 else (COND, UNCOND)

    def combine(self, ctx: StepContext) -> Tensor:
        relative = norm(ctx.difference) / positive(norm(ctx.uncond))
        return ctx.uncond + (1 + (ctx.scale - 1) * (-ctx.numbers["alpha"] * relative).exp()) * ctx.difference
