"""The guidance of the model's own pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.errors import UserError
from cfgsweep.guidance.base import Guider, StepContext

if TYPE_CHECKING:
    from torch import Tensor


class PipelineGuidance(Guider):
    """The formula by which diffusers' pipeline of the model guides on its own; the scale is what it takes.

    It is found when the model is loaded, and `cfgsweep check MODEL` prints it: CFG for most; `from_cond`, by which
    Z-Image, Cosmos and Krea 2 count from the conditional prediction; `renormalised`, by which QwenImage and Lumina 2
    keep the norm of the conditional prediction at every position.

    Raises UserError for models whose pipeline has none: FLUX.2, whose scale is an input of its network.
    """

    name = "pipeline"
    formula = "cfg: u + scale (c - u); from_cond: c + scale (c - u); renormalised: g |c| / |g| at every position"
    source = "diffusers' pipelines"
    default_scale = 4.0
    usual = (1.0, 10.0)
    single_branch_scales = {}
    in_model_layout = True

    def combine(self, ctx: StepContext) -> Tensor:
        from cfgsweep.guidance.own_formulas import OWN_FORMULAS

        if ctx.own_formula not in OWN_FORMULAS:
            hint = "`guider: cfg` guides any model"
            raise UserError("the pipeline of this model does not guide on its own", where=self.name, hint=hint)
        return OWN_FORMULAS[ctx.own_formula](ctx.cond, ctx.uncond, ctx.scale)
