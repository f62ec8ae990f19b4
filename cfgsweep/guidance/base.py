"""What a guider is. A new one subclasses `Guider`, and gives its branches and its formula."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from cfgsweep.config.fractions import Fraction, check_in_order
from cfgsweep.config.parameters import Number, Parameters, Whole
from cfgsweep.config.registry import Registry
from cfgsweep.guidance.compiled import CompiledGuider, GuiderAtStep, interned
from cfgsweep.guidance.context import COND, UNCOND, Branch, StepContext
from cfgsweep.guidance.schedulable import Bounds, ZeroToOne, alternatives, numbers
from cfgsweep.guidance.schedules import Schedule
from cfgsweep.guidance.window import guided_steps
from cfgsweep.samplers import PredictionKind

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["COND", "GUIDED_ROWS", "UNCOND", "Branch", "Guider", "GuiderBase", "StepContext"]

Memory = Any  # of one row: a tensor [1, channels, height, width], the state of a guider of diffusers, or None
GUIDED_ROWS = 32  # a multiple of every CPU's vector width, so that no row is computed as the remainder of a vector


class GuiderBase(Parameters):
    """What sweeps, plans and the engine need of a guider: of ours, and of those of diffusers.

    default_scale: the guidance scale where the sweep gives no value.
    differences_only: whether the guided prediction is the conditional one wherever prompt and negative prompt are the
        same.
    samplers: the names of the only samplers that the guider is defined for; None: all.
    rows_per_call: the number of rows of every call of `guide_rows`.
    """

    registry: ClassVar[Registry[GuiderBase]] = Registry("guider", f"{__package__}.guiders")
    default_scale: ClassVar[float] = 7.5
    differences_only: ClassVar[bool] = True
    samplers: ClassVar[tuple[str, ...] | None] = None
    rows_per_call: ClassVar[int] = GUIDED_ROWS
    lists: ClassVar[tuple[str, ...]] = ("sigma",)

    start: Fraction = Field(0.0, description="guidance is off before this fraction of the steps")
    stop: Fraction = Field(1.0, description="guidance is off from this fraction of the steps on")
    sigma: tuple[Number, Number] | None = Field(
        None, description="[low, high]: guidance is on only at these noise levels sigma/alpha (arXiv 2404.07724)"
    )
    zero_init_steps: Annotated[Whole, Field(ge=0)] = Field(
        0, description="first steps that leave the latents as they are, but for a sampler's own noise, and cost nothing"
    )
    guidance_rescale: ZeroToOne = Field(
        0.0, description="how much of the contrast that guidance adds is taken back (Lin et al., arXiv 2305.08891)"
    )

    @abstractmethod
    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        """The predictions needed at a step with these numbers. A single one is the guided prediction.

        A scale of NaN stands for every scale that is not special.
        """

    @abstractmethod
    def compile(self, steps: int, steps_of_calls: Sequence[int], noise_levels: tuple[float, ...]) -> CompiledGuider:
        """The guider for a number of steps. See `compile_guider`."""

    @abstractmethod
    def guide_rows(
        self, ctx: StepContext, memories: Sequence[Memory], prediction: PredictionKind
    ) -> tuple[Tensor, Sequence[Memory]]:
        """The guided predictions of a batch of rows, and one memory per row for its next guided step.

        ctx: the context of all rows, without memory; predictions are of the kind `prediction`, as is the result.
        memories: what the last call returned for each row, None before the first guided step.
        """

    @classmethod
    @abstractmethod
    def number_names(cls) -> tuple[str, ...]:
        """The names of `StepContext.numbers`: first "scale", then those that vary from step to step."""

    @property
    @abstractmethod
    def special_scales(self) -> tuple[float, ...]:
        """Scales at which fewer predictions may be needed than at others."""

    @property
    def own_scale(self) -> float | None:
        """The guidance scale, where it is among the guider's own parameters and given there."""
        return None

    @property
    def noise_interval(self) -> tuple[float, float] | None:
        """The lowest and the highest sigma at which guidance is on: `sigma` in sweep files."""
        return self.sigma

    @classmethod
    def numeric(cls) -> dict[str, Bounds]:
        """The parameters that may follow a schedule, and their bounds."""
        return _numeric_parameters(cls)

    @classmethod
    def alternatives(cls, key: str, value: Any) -> list[Any]:
        return alternatives(value) if key in cls.numeric() else super().alternatives(key, value)

    @model_validator(mode="after")
    def _check_noise_interval(self) -> Self:
        if self.noise_interval is not None:
            check_in_order("not an interval of noise", low=self.noise_interval[0], high=self.noise_interval[1])
        return self


class Guider(GuiderBase):
    """Combines the predictions of one step into the guided prediction, by a formula over tensors.

    A subclass gives a `name`, a `formula` and its `source`, and overrides `combine`; where it needs other predictions
    than cond and uncond it overrides `branches`, too. The guidance scale is the sweep's schedule and value, and every
    parameter of type Numeric may follow a schedule of its own: `combine` finds them in `ctx.numbers`.

    single_branch_scales: scales at which one prediction is the guided prediction.
    space: the kind of prediction that the formula is about; predictions are converted to it, and the result back.
        "model" is the kind that the model predicts.
    stateful: whether something is remembered from step to step.
    """

    single_branch_scales: ClassVar[Mapping[float, Branch]] = {0.0: UNCOND, 1.0: COND}
    space: ClassVar[PredictionKind | Literal["model"]] = "model"
    stateful: ClassVar[bool] = False

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
        window, values = self.window(steps, noise_levels), self.parameter_values(steps)
        rows = list(zip(*values.values(), strict=True))
        variants = {row: self._at_step(dict(zip(values, row, strict=True))) for row in dict.fromkeys(rows)}
        at_steps = [variants[row] for row in rows]
        return CompiledGuider(steps_of_calls, window, self.zero_init_steps, self.special_scales, at_steps)

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

    def parameter_values(self, steps: int) -> dict[str, list[float]]:
        """Every numeric parameter at every step. Raises UserError where a schedule leaves its bounds."""
        fields = type(self).model_fields
        return {
            name: numbers(getattr(self, name), fields[name].default, steps, bounds, name)
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
        return GuiderAtStep(interned(plainest.batch_key()), tuple(numbers.values()))


GuiderBase.registry.base = Guider  # what users' guiders, and the stand-ins for missing ones, derive from


@functools.cache
def _numeric_parameters(cls: type[GuiderBase]) -> dict[str, Bounds]:
    found = {}
    for name, field in cls.model_fields.items():
        if Schedule in get_args(field.annotation):
            found[name] = next((entry for entry in field.metadata if isinstance(entry, Bounds)), Bounds())
    return found
