"""Guiders that treat the directions of the difference between the predictions differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from cfgsweep.guidance.base import COND, Guider, StepContext
from cfgsweep.guidance.schedulable import Numeric, Positive, ZeroToOne
from cfgsweep.guidance.schedules import Step
from cfgsweep.guidance.tensor_ops import along, dot, norm, per_sample, positive, precise

if TYPE_CHECKING:
    from torch import Tensor


class APG(Guider):
    """Adaptive projected guidance: the difference with momentum, its norm bounded, its part along cond damped.

    Formulated for x0; other predictions are converted.
    """

    name = "apg"
    formula = (
        "cond + (scale - 1) (d - along(d, cond) + eta along(d, cond)), d = cond - uncond with momentum, |d| bounded"
    )
    source = "Sadat et al. 2024, arXiv 2410.02416"
    usual = (1.0, 20.0)
    space = "x0"
    stateful = True
    single_branch_scales = {}  # at scale 1 the difference is needed, too, for the momentum of later steps
    eta: Numeric = Field(0.0, description="weight of the part along cond; 1 keeps it")
    norm_threshold: Positive = Field(15.0, description="longest difference; a large number bounds nothing")
    momentum: Numeric = Field(-0.5, description="of the running difference; negative pushes against its history")

    def remember(self, ctx: StepContext) -> Tensor:
        assert ctx.memory is not None  # zeros at the first step
        return ctx.difference + ctx.numbers["momentum"] * ctx.memory

    def combine(self, ctx: StepContext) -> Tensor:
        return ctx.cond + (ctx.scale - 1) * self.update(ctx)

    def update(self, ctx: StepContext) -> Tensor:
        """The difference with momentum, bounded and projected."""
        assert ctx.memory is not None  # `remember` made it
        bounded = ctx.memory * (ctx.numbers["norm_threshold"] / positive(norm(ctx.memory))).clamp(max=1)
        parallel = along(precise(bounded), precise(ctx.cond)).to(bounded.dtype)
        return bounded - parallel + ctx.numbers["eta"] * parallel


class APGMix(APG):
    """CFG in the first steps, then APG with a scale of its own. The momentum is kept from the first step on.

    For flow models the formula is about their own prediction, as in HunyuanImage 2.1, which is one; for others it is
    about x0, as APG's.
    """

    name = "apg_mix"
    formula = "(1 - share) cfg(scale) + share apg(apg_scale)"
    source = "`AdaptiveProjectedMixGuidance` of diffusers (HunyuanImage 2.1)"
    formula_version = 2
    flow_space = "flow"
    default_scale = 3.5
    usual = (1.0, 15.0)
    apg_scale: Numeric = 10.0
    norm_threshold: Positive = Field(10.0, description="longest difference; a large number bounds nothing")
    share: ZeroToOne = Field(
        Step(max_val=0.0, at=0.12, after=1.0), description="of APG; by default none in the first 12 % of the steps"
    )

    def simplified(self, numbers: dict[str, float]) -> tuple[Guider, dict[str, float]]:
        return self, numbers if numbers["share"] else {**numbers, "apg_scale": 0.0, "eta": 0.0, "norm_threshold": 1.0}

    def combine(self, ctx: StepContext) -> Tensor:
        projected = ctx.cond + (ctx.numbers["apg_scale"] - 1) * self.update(ctx)
        share = ctx.numbers["share"]
        return (1 - share) * ctx.cfg + share * projected


class TCFG(Guider):
    """CFG with the unconditional prediction projected onto the direction that it shares with the conditional one.

    That is the first right singular vector of both predictions: of noise predictions, or of the flow where the model
    predicts it.
    """

    name = "tcfg"
    formula = "u' + scale (cond - u'), u' = <uncond, v> v, v = first right singular vector of [cond, uncond]"
    source = "Kwon et al. 2025, arXiv 2503.18137, listing 1 (for SD 1.5, SDXL and SD 3)"
    formula_version = 2
    usual = (1.0, 15.0)
    space = "epsilon"
    flow_space = "flow"
    single_branch_scales = {1.0: COND}

    def combine(self, ctx: StepContext) -> Tensor:
        # The singular vector is cos(angle) cond + sin(angle) uncond; the angle is that of the Gram matrix's major axis.
        cc, cu, uu = (dot(a, b) for a, b in ((ctx.cond, ctx.cond), (ctx.cond, ctx.uncond), (ctx.uncond, ctx.uncond)))
        angle = 0.5 * (2 * cu).atan2(cc - uu)
        shared = along(ctx.uncond, angle.cos() * ctx.cond + angle.sin() * ctx.uncond)
        return shared + ctx.scale * (ctx.cond - shared)


class Mahiro(Guider):
    """CFG blended with the conditional prediction times the scale, by the similarity of both sides.

    The similarity is the cosine of the signed square roots over channels, averaged over positions. At scale 0 this is
    the unconditional prediction, its limit from above; there the node itself gives half of it.
    """

    name = "mahiro"
    formula = "(s g + (4 - s) scale cond) / 4, s = 2 (1 + similarity), g = uncond + scale (cond - uncond)"
    source = "ComfyUI, node Mahiro"
    formula_version = 2
    usual = (1.0, 15.0)
    space = "x0"
    differences_only = False

    def combine(self, ctx: StepContext) -> Tensor:
        from torch.nn.functional import cosine_similarity

        guided, scaled_cond = ctx.cfg, ctx.scale * ctx.cond
        away = ctx.uncond.where(ctx.scale >= 0, -ctx.uncond)  # the length of scale uncond does not matter
        sides = away, (scaled_cond + guided) / 2
        negative, merged = (x.sign() * x.abs().sqrt() for x in sides)
        similarity = cosine_similarity(negative, merged, dim=1).flatten(1).mean(dim=1)
        weight = per_sample(2 * (similarity + 1), guided)
        return (weight * guided + (4 - weight) * scaled_cond) / 4
