"""From here to there: fractions of the steps as whole steps, and ends that are in order."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator, Field

from cfgsweep.config.parameters import number
from cfgsweep.errors import UserError

Fraction = Annotated[float, BeforeValidator(number), Field(ge=0, le=1)]


def steps_between(start: float, stop: float, steps: int) -> range:
    """Steps from `start` to `stop` of all. The 1e-9 makes 0.29 of 100 steps step 29, and 1/6 of 6 step 1."""
    first, end = (math.floor(share * steps + 1e-9) for share in (start, stop))
    return range(first, end)


def check_in_order(problem: str, **ends: float) -> None:
    """Two ends of an interval, by name: the first has to be below the second."""
    (low, first), (high, second) = ends.items()
    if first >= second:
        raise UserError(problem, given=ends, allowed=f"{low} below {high}")
