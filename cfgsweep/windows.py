"""Fractions of the steps, as whole steps."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator, Field

from cfgsweep.parameters import number

Share = Annotated[float, BeforeValidator(number), Field(ge=0, le=1)]


def steps_between(start: float, stop: float, steps: int) -> range:
    """Steps from `start` to `stop` of all. The 1e-9 makes 0.29 of 100 steps step 29, and 1/6 of 6 step 1."""
    first, end = (math.floor(share * steps + 1e-9) for share in (start, stop))
    return range(first, end)
