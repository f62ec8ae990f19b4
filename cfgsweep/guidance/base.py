"""What a guider is: which predictions it needs at a step, and how it combines them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, get_args

from pydantic import Field, model_validator

from cfgsweep.config.fractions import Fraction, check_in_order, steps_between
from cfgsweep.config.parameters import Number, Parameters, Whole
from cfgsweep.config.registry import Registry
from cfgsweep.errors import UserError, shorten
from cfgsweep.guidance.perturbations import Perturbation
from cfgsweep.guidance.schedulable import Bounds, ZeroToOne, alternatives, numbers
from cfgsweep.guidance.schedules import Schedule
from cfgsweep.samplers import PredictionKind

if TYPE_CHECKING:
    from torch import Tensor

LEAST_ALPHA = 1e-4  # flow models begin at pure noise, in which no picture can be told


class Branch(NamedTuple):
    """One prediction that a guider asks for, under the name by which its formula calls it.

    condition: the prompt, the negative prompt, or no text at all.
    """

    name: str
    condition: Literal["prompt", "negative_prompt", "nothing"]
    perturbation: Perturbation | None = None


COND, UNCOND = Branch("cond", "prompt"), Branch("uncond", "negative_prompt")


@dataclass(frozen=True)
class StepContext:
    """What a guider is given at one step, for many rows at once.

    predictions: by role name, [rows, channels, height, width], in the guider's space.
    numbers: `scale` and the guider's numeric parameters, one number per row, [rows, 1, 1, 1].
    latents: what the denoiser saw, alpha x0 + sigma noise.
    ratio, next_ratio: sigma / alpha now and after the step (0 after the last of most samplers). [rows, 1, 1, 1].
    memory: what `Guider.advance` returned at this trajectory's last guided step; zeros at the first.
    """

    predictions: Mapping[str, Tensor]
    numbers: Mapping[str, Tensor]
    latents: Tensor
    sigma: Tensor
    next_sigma: Tensor
    memory: Any = None

    @functools.cached_property
    def alpha_t(self) -> Tensor:
        """What the picture is multiplied by in `latents`: alpha² + sigma² = 1."""
        return ((1 + self.sigma**2) ** -0.5).clamp(min=LEAST_ALPHA)

    @functools.cached_property
    def sigma_t(self) -> Tensor:
        """What the noise is multiplied by in `latents`; 1 where the ratio is infinite."""
        return (1 + self.sigma**-2) ** -0.5

    @property
    def cond(self) -> Tensor:
        return self.predictions["cond"]

    @property
    def uncond(self) -> Tensor:
        return self.predictions["uncond"]

    @functools.cached_property
    def difference(self) -> Tensor:
        """The direction of guidance: cond - uncond."""
        return self.cond - self.uncond

    @functools.cached_property
    def cfg(self) -> Tensor:
        """What plain classifier-free guidance makes of cond and uncond."""
        return self.uncond + self.scale * self.difference

    @property
    def scale(self) -> Tensor:
        return self.numbers["scale"]


class Guider(Parameters):
    """Combines the predictions of one step into the guided one.

    A subclass gives `branches` (what it needs) and `combine` (its formula). The guidance scale is the sweep's
    schedule and value; every parameter of type Numeric may follow a schedule of its own.

    default_scale: the guidance scale where the sweep gives no value.
    alone: scales at which one prediction is the whole answer.
    space: what the formula is about. model: whatever the model predicts. noise (epsilon), data (x0) and velocity
        (alpha noise - sigma x0), flow (noise - x0): predictions are converted, and the result back.
    stateful: it remembers something from step to step.
    one_by_one: it is given one row at a time, and may remember anything.
    differences_only: it looks at prompt and negative prompt alone, and where both predictions are equal, they are
        the result.
    samplers: the only ones it is right for; None: all.
    """

    registry: ClassVar[Registry[Guider]] = Registry("guider", f"{__package__}.guiders")
    default_scale: ClassVar[float] = 7.5
    single_branch_scales: ClassVar[Mapping[float, Branch]] = {0.0: UNCOND, 1.0: COND}
    space: ClassVar[PredictionKind | Literal["model"]] = "model"
    stateful: ClassVar[bool] = False
    one_by_one: ClassVar[bool] = False
    differences_only: ClassVar[bool] = True
    samplers: ClassVar[tuple[str, ...] | None] = None
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

    @model_validator(mode="after")
    def _windows_are_not_empty(self) -> Guider:
        start, stop = self.window_fractions
        check_in_order("the window is empty", start=start, stop=stop)
        if self.noise_interval is not None:
            check_in_order("not an interval of noise", low=self.noise_interval[0], high=self.noise_interval[1])
        return self

    @property
    def noise_interval(self) -> tuple[float, float] | None:
        """Sigmas between which guidance is on: the parameter `sigma` of sweep files."""
        return self.sigma

    @classmethod
    def numeric(cls) -> dict[str, Bounds]:
        """The parameters that may follow a schedule, and their bounds."""
        return _numeric(cls)

    @classmethod
    def number_names(cls) -> tuple[str, ...]:
        """What the numbers of a step are called, in their order."""
        return ("scale", *cls.numeric())

    @classmethod
    def alternatives(cls, key: str, value: Any) -> list[Any]:
        return alternatives(value) if key in cls.numeric() else super().alternatives(key, value)

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        """The predictions needed at a step with these numbers (a scale of NaN stands for all that are not special).

        A single one is the whole answer, and the formula is not asked.
        """
        single_branch_scales = self.single_branch_scales.get(numbers["scale"])
        return (COND, UNCOND) if single_branch_scales is None else (single_branch_scales,)

    @property
    def special_scales(self) -> tuple[float, ...]:
        """Scales at which fewer predictions may be enough than at others."""
        return tuple(self.single_branch_scales)

    def simplified(self, numbers: dict[str, float]) -> tuple[Guider, dict[str, float]]:
        """The plainest guider that does the same with these numeric parameters, and its own parameters.

        What has no effect at a step must not keep experiments apart there.
        """
        return self, numbers

    @property
    def window_fractions(self) -> tuple[float, float]:
        """The fractions of the steps from which and until which guidance is on."""
        return self.start, self.stop

    @property
    def zero_steps(self) -> int:
        """First steps that leave the latents as they are."""
        return self.zero_init_steps

    @property
    def scale_by_default(self) -> float:
        """The guidance scale where the sweep gives no value."""
        return self.default_scale

    @property
    def sets_its_scale(self) -> bool:
        """Is the guidance scale among its own parameters, and given there?"""
        return False

    def batch_key(self) -> Guider:
        """What is the same for guiders of one formula: neither the window nor the numbers of a step."""
        whole_way: dict[str, Any] = {"start": 0.0, "stop": 1.0, "sigma": None, "zero_init_steps": 0}
        return self.model_copy(update={**whole_way, **dict.fromkeys(self.numeric(), 0.0)})

    def advance(self, ctx: StepContext) -> tuple[Tensor, Any]:
        """The guided prediction, and what goes on to the next step."""
        if self.stateful:
            ctx = replace(ctx, memory=self.remember(ctx))
        return self.combine(ctx), ctx.memory

    def remember(self, ctx: StepContext) -> Tensor | None:
        """What goes on to the next step, and is in `at.memory` when `combine` is asked. Only where stateful."""
        return None

    def combine(self, ctx: StepContext) -> Tensor:
        """The guided prediction."""
        raise NotImplementedError

    def window(self, steps: int, noise_levels: Sequence[float] = ()) -> range:
        """The steps at which guidance is on.

        noise_levels: sigma / alpha at every step, falling; needed where the guider has a `sigma`.
        """
        window = steps_between(*self.window_fractions, steps)
        if not window:
            raise UserError(
                "the window contains no step: guidance would do nothing",
                given=f"start {self.start}, stop {self.stop} at {steps} steps",
            )
        if self.noise_interval is None:
            return window
        low, high = self.noise_interval
        inside = [step for step in window if low <= noise_levels[step] <= high]
        if not inside:
            told = ", ".join(f"{noise_levels[step]:.3g}" for step in window)
            raise UserError("no step has such a noise level", given={"sigma": self.sigma}, allowed=shorten(told))
        return range(inside[0], inside[-1] + 1)

    def parameter_values(self, steps: int) -> dict[str, list[float]]:
        """Every numeric parameter at every step."""
        fields = type(self).model_fields
        return {
            name: numbers(getattr(self, name), fields[name].default, steps, bounds, name)
            for name, bounds in self.numeric().items()
        }


@functools.cache
def _numeric(cls: type[Guider]) -> dict[str, Bounds]:
    found = {}
    for name, field in cls.model_fields.items():
        if Schedule in get_args(field.annotation):
            found[name] = next((entry for entry in field.metadata if isinstance(entry, Bounds)), Bounds())
    return found
