"""Schedules that are curves over the steps. `u` is the position of a step: 0 at the first and 1 at the last."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from cfgsweep.config.parameters import Number
from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules.base import Schedule, progress

Positive = Annotated[Number, Field(gt=0)]


class Constant(Schedule):
    """The same value at every step."""

    name = "constant"
    formula = "value"

    def shape(self, value: float, steps: int) -> list[float]:
        return [value] * steps


class Linear(Schedule):
    """A straight line between `value` and `min_val`.

    Rising, from 0, with `match_mean`, it is the linear schedule of Wang et al. 2024, arXiv 2404.13040.
    """

    name = "linear"
    formula = "value + (min_val - value) u; the other way round when rising"
    min_val: Number = 0.0
    rising: bool = Field(False, description="from min_val up to the value")

    def shape(self, value: float, steps: int) -> list[float]:
        first, last = (self.min_val, value) if self.rising else (value, self.min_val)
        return [first + (last - first) * u for u in progress(steps)]


class ClampLinear(Schedule):
    """A line rising from 0 to twice the value (its mean is the value), never below a floor."""

    name = "clamp_linear"
    formula = "max(floor, 2 value u)"
    source = "Wang et al. 2024, arXiv 2404.13040"
    floor: Number = Field(1.0, description="the least the schedule takes")

    def shape(self, value: float, steps: int) -> list[float]:
        return [max(self.floor, 2 * value * u) for u in progress(steps)]


class PowerCosine(Schedule):
    """A cosine that rises from 0 to the value, late for powers above 1 and early below."""

    name = "power_cosine"
    formula = "value (1 - cos(pi u^power)) / 2"
    source = "Gao et al. 2023 (MDT), arXiv 2303.14389; Wang et al. 2024, arXiv 2404.13040"
    power: Positive = 1.0

    def shape(self, value: float, steps: int) -> list[float]:
        return [value * (1 - math.cos(math.pi * u**self.power)) / 2 for u in progress(steps)]


class Exponential(Schedule):
    """Exponential decay from the value towards `min_val`."""

    name = "exponential"
    formula = "min_val + (value - min_val) exp(-rate u)"
    rate: Number = Field(3.0, description="how fast: exp(-rate) is left at the last step; negative grows")
    min_val: Number = 0.0

    def shape(self, value: float, steps: int) -> list[float]:
        try:
            return [self.min_val + (value - self.min_val) * math.exp(-self.rate * u) for u in progress(steps)]
        except OverflowError:
            raise UserError("this grows beyond all numbers", given=self.spec()) from None


class Beta(Schedule):
    """The density of a Beta distribution over the sampling: with a and b above 1 it is 0 at the first and last step."""

    name = "beta"
    formula = "value Beta(u; a, b); middles: u in the middle of the step"
    source = "Malarz et al. 2025 (beta-CFG), arXiv 2502.10574; github.com/gmum/beta-CFG"
    formula_version = 2
    a: Positive = 2.0
    b: Positive = 2.0
    middles: bool = Field(False, description="in the middle of every step, so that the first and the last have a scale")

    def shape(self, value: float, steps: int) -> list[float]:
        places = [(step + 0.5) / steps for step in range(steps)] if self.middles else progress(steps)
        try:
            return [value * self._density(u) for u in places]
        except (OverflowError, ValueError):
            hint = "take a and b of 1 or more, or `middles: true`" if min(self.a, self.b) < 1 else ""
            raise UserError("this grows beyond all numbers", given=self.spec(), hint=hint) from None

    def _density(self, u: float) -> float:
        scale = math.lgamma(self.a + self.b) - math.lgamma(self.a) - math.lgamma(self.b)
        if u in (0, 1):
            return math.exp(scale) * math.pow(u, self.a - 1) * math.pow(1 - u, self.b - 1)
        return math.exp(scale + (self.a - 1) * math.log(u) + (self.b - 1) * math.log1p(-u))


class Sawtooth(Schedule):
    """Straight falls from the value to `min_val`, again and again; or rises."""

    name = "sawtooth"
    formula = "a line per cycle, between value and min_val"
    cycles: Positive = 3.0
    min_val: Number = 0.0
    rising: bool = False

    def shape(self, value: float, steps: int) -> list[float]:
        first, last = (self.min_val, value) if self.rising else (value, self.min_val)
        return [first + (last - first) * (step * self.cycles / steps % 1) for step in range(steps)]
