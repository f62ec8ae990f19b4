"""Parameters that may follow a schedule: `guidance_rescale: 0.7`, `pag_scale: {cosine: {max_val: 3, min_val: 0}}`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from cfgsweep.config.instances import make_all
from cfgsweep.config.json_schema import reference
from cfgsweep.config.parameters import number
from cfgsweep.config.ranges import RANGES, spread
from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules import SCHEDULES, Schedule


def _number_or_schedule(given: Any) -> Any:
    if isinstance(given, str | dict):
        (only_one,) = make_all(SCHEDULES, given)
        return only_one
    return number(given)


def alternatives(value: Any) -> list[Any]:
    """The values that a file gives: a number, a list, a range, or a schedule whose own parameters may be lists."""
    found: list[Any] = []
    for item in spread(value):
        is_schedule = isinstance(item, str) or (isinstance(item, dict) and not RANGES.keys() & item.keys())
        found += make_all(SCHEDULES, item) if is_schedule else [item]
    return found


@dataclass(frozen=True)
class Bounds:
    """The bounds of a number, and of every number of a schedule that is given instead."""

    low: float = float("-inf")
    high: float = float("inf")

    def check(self, value: float | Schedule) -> float | Schedule:
        """Returns the value. Raises ValueError if it is a number outside; schedules are checked at each step."""
        if not isinstance(value, Schedule) and not self.low <= value <= self.high:
            raise ValueError(f"must lie {self}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __str__(self) -> str:
        return f"from {self.low:g}" + ("" if self.high == float("inf") else f" to {self.high:g}")


NUMERIC_SCHEMA = {"anyOf": [{"type": "number"}, reference("Schedule")]}
Numeric = Annotated[float | Schedule, BeforeValidator(_number_or_schedule), WithJsonSchema(NUMERIC_SCHEMA)]
NonNegative = Annotated[Numeric, Bounds(0)]
Positive = Annotated[Numeric, Bounds(1e-6)]
ZeroToOne = Annotated[Numeric, Bounds(0, 1)]


def numbers(
    value: float | Schedule,
    default: float | Schedule,
    steps: int,
    noise_levels: Sequence[float],
    bounds: Bounds,
    name: str,
) -> list[float]:
    """The number at every step. A schedule without a `max_val` is scaled to the parameter's default.

    Raises UserError if that default is 0 or a schedule itself, or if the schedule leaves the bounds.
    """
    if not isinstance(value, Schedule):
        return [value] * steps
    given = value.own_value()
    scaled_to = default if given is None else given
    if isinstance(scaled_to, Schedule) or (given is None and default == 0):
        hint = f"say what it is scaled to: {name}: {{{value.name}: {{max_val: ...}}}}"
        problem = f"{name} is not a number other than 0 by default, which its schedule could be scaled to"
        raise UserError(problem, given=value.spec(), hint=hint)
    found = value.values(scaled_to, steps, noise_levels)
    if not all(bounds.low <= one <= bounds.high for one in found):
        raise UserError(f"{name}: its schedule leaves the bounds", given=value.spec(), allowed=str(bounds))
    return found
