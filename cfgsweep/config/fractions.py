"""Fractions of the steps, and intervals."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator, Field

from cfgsweep.config.parameters import number
from cfgsweep.errors import UserError

Fraction = Annotated[float, BeforeValidator(number), Field(ge=0, le=1)]


def steps_between(start: float, stop: float, steps: int) -> range:
    """The steps between two fractions of all steps.

    The 1e-9 undoes rounding: 0.29 of 100 steps is step 29, and 1/6 of 6 steps is step 1.
    """
    first, end = (math.floor(share * steps + 1e-9) for share in (start, stop))
    return range(first, end)


def check_in_order(problem: str, **ends: float) -> None:
    """Checks the ends of an interval, given by name. Raises UserError if the first is not below the second."""
    (low, first), (high, second) = ends.items()
    if first >= second:
        raise UserError(problem, given=ends, allowed=f"{low} below {high}")
