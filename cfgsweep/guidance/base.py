"""What a guider is. A new one is a subclass of `Guider` with a name and a formula."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from cfgsweep.config.fractions import check_in_order
from cfgsweep.guidance.context import COND, UNCOND, Branch, StepContext
from cfgsweep.guidance.interface import CompiledGuider, GuiderAtStep, GuiderBase, Memory
from cfgsweep.guidance.schedulable import numbers
from cfgsweep.guidance.window import guided_steps
from cfgsweep.samplers import PredictionKind

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["COND", "UNCOND", "Branch", "Guider", "StepContext"]


class Guider(GuiderBase):
    """Combines the predictions of one step into the guided prediction, by a formula over tensors.

    A subclass gives a `name`, a `formula` and its `source`, and overrides `combine`; where it needs other predictions
    than cond and uncond it overrides `branches`, too. The guidance scale is the sweep's schedule and value, and every
    parameter of type Numeric may follow a schedule of its own: `combine` finds them in `ctx.numbers`.

    single_branch_scales: scales at which one prediction is the guided prediction.
    space: the kind of prediction that the formula is about; predictions are converted to it, and the result back.
        "model" is the kind that the model predicts.
    flow_space: the same for flow models, where the authors take another kind there; None: `space` holds for them, too.
    stateful: whether something is remembered from step to step.
    """

    single_branch_scales: ClassVar[Mapping[float, Branch]] = {0.0: UNCOND, 1.0: COND}
    space: ClassVar[PredictionKind | Literal["model"]] = "model"
    flow_space: ClassVar[PredictionKind | None] = None
    stateful: ClassVar[bool] = False

    @classmethod
    def space_for(cls, prediction: PredictionKind) -> PredictionKind:
        """The kind of prediction that the formula is about, for a model that predicts `prediction`."""
        if prediction == "flow" and cls.flow_space is not None:
            return cls.flow_space
        return prediction if cls.space == "model" else cls.space

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        """The predictions needed at a step with these numbers. A single one is the guided prediction.

        A scale of NaN stands for every scale that is not special.
        """
        branch = self.single_branch_scales.get(numbers["scale"])
        return (COND, UNCOND) if branch is None else (branch,)

    def combine(self, ctx: StepContext) -> Tensor:
        """The guided prediction of every row, [rows, channels, height, width]."""
        raise NotImplementedError

    def remember(self, ctx: StepContext) -> Tensor:
        """What is kept for the next step, where the guider is stateful. It is `ctx.memory` when `combine` is called."""
        raise NotImplementedError

    def simplified(self, numbers: dict[str, float]) -> tuple[Guider, dict[str, float]]:
        """The plainest guider, with its parameters, that does the same with these numeric parameters.

        Experiments share a step where they do the same at it, so parameters without effect there are to be dropped.
        """
        return self, numbers

    @property
    def special_scales(self) -> tuple[float, ...]:
        """Scales at which fewer predictions may be needed than at others."""
        return tuple(self.single_branch_scales)

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        check_in_order("the window is empty", start=self.start, stop=self.stop)
        return self

    def window(self, steps: int, noise_levels: Sequence[float] = ()) -> range:
        """The steps at which guidance is on. Raises UserError if there is none."""
        return guided_steps(self.start, self.stop, self.noise_interval, steps, noise_levels)

    def compile(self, steps: int, steps_of_calls: Sequence[int], noise_levels: tuple[float, ...]) -> CompiledGuider:
        """The guider for a number of steps. See `compile_guider`."""
        window, values = self.window(steps, noise_levels), self.parameter_values(steps, noise_levels)
        rows = list(zip(*values.values(), strict=True))
        variants = {row: self._at_step(dict(zip(values, row, strict=True))) for row in dict.fromkeys(rows)}
        at_steps = [variants[row] for row in rows]
        return CompiledGuider(steps_of_calls, window, self.zero_steps, self.special_scales, at_steps)

    def guide_rows(
        self, ctx: StepContext, memories: Sequence[Memory], prediction: PredictionKind
    ) -> tuple[Tensor, Sequence[Memory]]:
        """The guided predictions of a batch of rows, and one memory per row for its next guided step."""
        from cfgsweep.guidance.apply import guide_rows  # imports torch, which a plan does without

        return guide_rows(self, ctx, memories, prediction)

    @classmethod
    def number_names(cls) -> tuple[str, ...]:
        """The names of `StepContext.numbers`."""
        return ("scale", *cls.numeric())

    def parameter_values(self, steps: int, noise_levels: Sequence[float] = ()) -> dict[str, list[float]]:
        """Every numeric parameter at every step. Raises UserError where a schedule leaves its bounds."""
        fields = type(self).model_fields
        return {
            name: numbers(getattr(self, name), fields[name].default, steps, noise_levels, bounds, name)
            for name, bounds in self.numeric().items()
        }

    def batch_key(self) -> Guider:
        """The same guider without its window and with all numeric parameters at 0.

        Guiders with equal keys have the same formula: their rows are guided in one call.
        """
        everywhere: dict[str, Any] = {"start": 0.0, "stop": 1.0, "sigma": None, "zero_init_steps": 0}
        return self.model_copy(update={**everywhere, **dict.fromkeys(self.numeric(), 0.0)})

    def _at_step(self, numbers: dict[str, float]) -> GuiderAtStep:
        plainest, numbers = self.simplified(numbers)
        return GuiderAtStep(_interned(plainest.batch_key()), tuple(numbers.values()))


GuiderBase.registry.base = Guider  # what users' guiders, and the stand-ins for missing ones, derive from


@functools.lru_cache(maxsize=4096)
def _interned(guider: GuiderBase) -> GuiderBase:
    """The first of all equal guiders: traces compare guiders often, and identical objects compare fastest."""
    return guider
