"""What a schedule is: a function of the step, without tensors. A new one is a subclass of `Schedule` with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field

from cfgsweep.config.parameters import Number, Parameters
from cfgsweep.config.registry import Registry
from cfgsweep.config.user_code import errors_of
from cfgsweep.errors import UserError


class Schedule(Parameters):
    """A number for every step. A subclass gives a `name` and `shape`, and `example` if a parameter has no default.

    It is scaled to a value: the sweep's `value` for the guidance scale, `max_val` for other parameters.
    """

    registry: ClassVar[Registry[Schedule]] = Registry("schedule", __package__)

    max_val: Number | None = Field(None, description="what it is scaled to, where the sweep gives no `value`")
    match_mean: bool = Field(False, description="scale the whole, so that its mean over the steps is the value")

    def values(self, value: float, steps: int, sigmas: Sequence[float] = ()) -> list[float]:
        """One number per step, scaled to `value`: the constant's value, the cosine's maximum.

        sigmas: the noise level at every step, where the schedule needs it.
        Raises UserError if the parameters have no value at this number of steps.
        """
        with errors_of(type(self)):
            numbers = self.shape_at(value, steps, sigmas)
        if not self.match_mean:
            return numbers
        mean = sum(numbers) / steps
        if abs(mean) < 1e-9 * max(1e-300, *map(abs, numbers)):
            raise UserError("a schedule whose mean is zero has no scale that matches it", given=self.spec())
        return [number * (value / mean) for number in numbers]

    def shape(self, value: float, steps: int) -> list[float]:
        """One number per step, before their mean is matched."""
        raise NotImplementedError

    def shape_at(self, value: float, steps: int, sigmas: Sequence[float]) -> list[float]:
        """The same, with the noise level at every step, for schedules that depend on it."""
        return self.shape(value, steps)

    @property
    def needs_sigma(self) -> bool:
        """Whether it depends on the noise levels of the steps."""
        return False

    @property
    def uses_value(self) -> bool:
        """Whether it depends on the value that it is scaled to."""
        return True

    @classmethod
    def example(cls, steps: int) -> Self:
        """An instance to draw: with defaults, and something plausible for parameters that have none."""
        return cls()

    def own_value(self) -> float | None:
        """What the schedule is scaled to if the sweep gives no `value`. None: the guider's default."""
        return self.max_val


def progress(steps: int) -> list[float]:
    """The position of each step: from 0 at the first to 1 at the last; 0 if there is only one."""
    return [step / max(1, steps - 1) for step in range(steps)]
