"""What sweeps, plans and the engine need of a guider. It is known before any step is taken, and without torch.

`cfgsweep.guidance.base` has the guiders of cfgsweep, `cfgsweep.guidance.guiders.from_diffusers` those of diffusers.
"""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self, get_args

from pydantic import Field, model_validator

from cfgsweep.config.fractions import Fraction, check_in_order
from cfgsweep.config.parameters import Number, Parameters, Whole
from cfgsweep.config.registry import Registry
from cfgsweep.guidance.context import COND, Branch, StepContext
from cfgsweep.guidance.schedulable import Bounds, ZeroToOne, alternatives
from cfgsweep.guidance.schedules import Schedule
from cfgsweep.samplers import SAMPLERS, PredictionKind

if TYPE_CHECKING:
    from torch import Tensor

Memory = Any  # of one row: a tensor [1, channels, height, width], the state of a guider of diffusers, or None
GUIDED_ROWS = 32  # a multiple of every CPU's vector width, so that no row is computed as the remainder of a vector


class GuiderBase(Parameters):
    """What sweeps, plans and the engine need of a guider: of ours, and of those of diffusers.

    default_scale: the guidance scale where the sweep gives no value.
    usual: the lowest and the highest guidance scale that is in use; None where that is not known.
    differences_only: whether the guided prediction is the conditional one wherever prompt and negative prompt are the
        same.
    samplers: the names of the only samplers that the guider is defined for; None: all.
    in_model_layout: whether latents and predictions are given as the model has them, packed into tokens where it packs
        them, and not in the layout of a picture.
    rows_per_call: the number of rows of every call of `guide_rows`.
    """

    registry: ClassVar[Registry[GuiderBase]] = Registry("guider", f"{__package__}.guiders")
    default_scale: ClassVar[float] = 7.5
    usual: ClassVar[tuple[float, float] | None] = None
    differences_only: ClassVar[bool] = True
    samplers: ClassVar[tuple[str, ...] | None] = None
    in_model_layout: ClassVar[bool] = False
    rows_per_call: ClassVar[int] = GUIDED_ROWS
    list_valued: ClassVar[tuple[str, ...]] = ("sigma",)

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
    def zero_steps(self) -> int:
        """The number of first steps that leave the latents as they are: `zero_init_steps` in sweep files."""
        return self.zero_init_steps

    @property
    def noise_interval(self) -> tuple[float, float] | None:
        """The lowest and the highest sigma at which guidance is on: `sigma` in sweep files."""
        return self.sigma

    @property
    def needs_noise_levels(self) -> bool:
        """Whether `compile` needs the noise levels: for a noise interval, or a parameter's schedule."""
        schedules = (one for one in self.values_by_name().values() if isinstance(one, Schedule))
        return self.noise_interval is not None or any(schedule.needs_sigma for schedule in schedules)

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


@functools.cache
def _numeric_parameters(cls: type[GuiderBase]) -> dict[str, Bounds]:
    found = {}
    for name, field in cls.model_fields.items():
        if Schedule in get_args(field.annotation):
            found[name] = next((entry for entry in field.metadata if isinstance(entry, Bounds)), Bounds())
    return found


class GuiderAtStep(NamedTuple):
    """The guider that is used at a step, with the values of its numbers there except the guidance scale.

    Equal for all guiders that do the same at a step, so that experiments which differ in other steps alone share it.
    """

    guider: GuiderBase
    others: tuple[float, ...]

    def numbers(self, scale: float) -> dict[str, float]:
        """The numbers of the step by their names."""
        return dict(zip(self.guider.number_names(), (scale, *self.others), strict=True))


class CompiledGuider:
    """What is known of a guider's steps before any of them: all experiments with this guider and step count share it.

    guided_steps, zero_steps: the steps at which guidance is on; the number of first steps that leave the latents as
        they are. window, zero_calls: the same in calls of the denoiser, of which some samplers make two per step.
    special_scales: scales at which fewer branches may be needed than at others.
    varies: whether anything but the scale changes from step to step.
    """

    def __init__(
        self,
        steps_of_calls: Sequence[int],
        guided_steps: range,
        zero_steps: int,
        special_scales: tuple[float, ...],
        at_steps: Sequence[GuiderAtStep],
    ):
        self.guided_steps, self.zero_steps, self.special_scales = guided_steps, zero_steps, special_scales
        self.window = range(*(bisect_left(steps_of_calls, step) for step in (guided_steps.start, guided_steps.stop)))
        self.zero_calls = bisect_left(steps_of_calls, zero_steps)
        self.variants = list(dict.fromkeys(at_steps))
        self.varies = len(self.variants) > 1
        self._at_calls = [at_steps[step] for step in steps_of_calls] if self.varies else [at_steps[0]]
        self._known_branches: dict[tuple[float, GuiderAtStep], tuple[Branch, ...]] = {}

    def at_call(self, call: int) -> GuiderAtStep:
        """The guider at a call of the denoiser."""
        return self._at_calls[call if self.varies else 0]

    def branches(self, scale: float, at_step: GuiderAtStep) -> tuple[Branch, ...]:
        """The predictions needed at a step. A scale of NaN stands for every scale that is not special."""
        key = (scale if scale in self.special_scales else math.nan, at_step)
        if key not in self._known_branches:
            numbers = at_step.numbers(key[0])
            self._known_branches[key] = _with_rescaling(at_step.guider.branches(numbers), numbers)
        return self._known_branches[key]


def _with_rescaling(branches: tuple[Branch, ...], numbers: Mapping[str, float]) -> tuple[Branch, ...]:
    """Rescaling compares with the conditional prediction, which the formula itself may not need."""
    return (COND, *branches) if numbers.get("guidance_rescale") and COND not in branches else branches


@functools.lru_cache(maxsize=4096)
def compile_guider(guider: GuiderBase, steps: int, sampler: str, noise_levels: tuple[float, ...]) -> CompiledGuider:
    """The guider compiled for a sampler, by its name, and a number of steps.

    noise_levels: sigma at every step, where the guider needs them.

    Raises UserError where the window contains no step, or a parameter's schedule leaves its bounds.
    """
    return guider.compile(steps, SAMPLERS[sampler].steps_of_calls(steps), noise_levels)
