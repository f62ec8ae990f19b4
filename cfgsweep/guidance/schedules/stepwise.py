"""Schedules whose numbers are given for single steps or parts of the steps."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from cfgsweep.config.fractions import Fraction, check_in_order, steps_between
from cfgsweep.config.parameters import Number, Whole
from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules.base import Schedule


class Step(Schedule):
    """The value up to a fraction of the steps, another number from there on."""

    name = "step"
    formula = "value before `at` of the steps, `after` from there on"
    at: Fraction = 0.5
    after: Number = Field(description="the number from there on")

    @classmethod
    def example(cls, steps: int) -> Self:
        return cls(after=1.0)

    def shape(self, value: float, steps: int) -> list[float]:
        before = len(steps_between(0.0, self.at, steps))
        return [value] * before + [self.after] * (steps - before)


class Interval(Schedule):
    """The value within a window of the steps, another number outside."""

    name = "interval"
    formula = "value from `start` to `stop` of the steps, `outside` elsewhere"
    start: Fraction = 0.0
    stop: Fraction = 1.0
    outside: Number = Field(
        description="what leaves guidance off: 1 for a guidance scale, 0 for pag_scale and its like"
    )

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        check_in_order("the interval is empty", start=self.start, stop=self.stop)
        return self

    @classmethod
    def example(cls, steps: int) -> Self:
        return cls(start=0.2, stop=0.8, outside=1.0)

    def shape(self, value: float, steps: int) -> list[float]:
        window = steps_between(self.start, self.stop, steps)
        return [value if step in window else self.outside for step in range(steps)]


class Listed(Schedule):
    """One number per step, multiplied by the value where the sweep gives one."""

    name = "list"
    formula = "numbers[step] value"
    list_valued = ("numbers",)
    shorthand = "numbers"
    numbers: tuple[Number, ...] = Field(min_length=1, description="as many as there are steps")

    @classmethod
    def example(cls, steps: int) -> Self:
        return cls(numbers=tuple(1 - step / steps for step in range(steps)))

    def own_value(self) -> float | None:
        return 1.0 if self.max_val is None else self.max_val

    def shape(self, value: float, steps: int) -> list[float]:
        if len(self.numbers) != steps:
            raise UserError(
                f"a {self.name} needs one number per step", given=f"{len(self.numbers)} numbers for {steps} steps"
            )
        return [number * value for number in self.numbers]


class Piecewise(Schedule):
    """The value until the first step listed, then what each says, in forward order."""

    name = "piecewise"
    formula = "value, then from step k on the number listed with k"
    list_valued = ("steps",)
    shorthand = "steps"
    steps: tuple[tuple[Whole, Number], ...] = Field(min_length=1, description="[[step, number from there on], ...]")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        firsts = [first for first, _ in self.steps]
        if firsts != sorted(set(firsts)) or firsts[0] < 0:
            allowed = "steps from 0 on, each later than the one before"
            raise UserError("not in order", given=firsts, allowed=allowed)
        return self

    @classmethod
    def example(cls, steps: int) -> Self:
        return cls(steps=((steps // 3, 5.0), (2 * steps // 3, 2.0)))

    def shape(self, value: float, steps: int) -> list[float]:
        if self.steps[-1][0] >= steps:
            raise UserError("beyond the last step", given=self.steps[-1][0], allowed=f"0 to {steps - 1}")
        numbers = [value] * steps
        for first, number in self.steps:
            numbers[first:] = [number] * (steps - first)
        return numbers
