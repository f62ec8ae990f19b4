"""What a guider is: which predictions it needs at a step, and how it combines them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, model_validator

from cfgsweep.errors import UserError
from cfgsweep.parameters import Parameters
from cfgsweep.yamlfile import UserErrorInside

if TYPE_CHECKING:
    from torch import Tensor

COND, UNCOND = "cond", "uncond"
Share = Annotated[float, Field(ge=0, le=1)]


class Guider(Parameters):
    """Combines the conditional and unconditional prediction of one step into the guided one.

    A subclass gives its formula in `combine`; `alone` says at which scales COND or UNCOND is the
    whole answer, so that the other is never computed. All numbers that may differ between rows come as tensors
    of one number per row, shaped to broadcast over predictions of shape [rows, channels, height, width].
    """

    default_scale: ClassVar[float]
    alone: ClassVar[Mapping[float, str]]
    start: Share = Field(0.0, description="guidance is off before this fraction of the steps")
    stop: Share = Field(1.0, description="guidance is off from this fraction of the steps on")

    @model_validator(mode="after")
    def _window_is_not_empty(self) -> Guider:
        if self.start >= self.stop:
            given = {"start": self.start, "stop": self.stop}
            raise UserErrorInside(UserError("the window is empty", given=given, allowed="start below stop"))
        return self

    def combine(self, cond: Tensor, uncond: Tensor, scale: Tensor) -> Tensor:
        """The guided prediction."""
        raise NotImplementedError

    def window(self, steps: int) -> range:
        """The steps at which guidance is on. The 1e-9 makes 0.29 of 100 steps step 29, and 1/6 of 6 step 1."""
        first, end = (math.floor(share * steps + 1e-9) for share in (self.start, self.stop))
        if first >= end:
            raise UserError(
                "the window contains no step: guidance would do nothing",
                given=f"start {self.start}, stop {self.stop} at {steps} steps",
            )
        return range(first, end)
