"""The range of a search, from the `phase:` block of a sweep and its own values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cfgsweep.errors import UserError
from cfgsweep.sweep.guider_axis import searched_values
from cfgsweep.sweep.phase_settings import MOST_POINTS, PhaseSettings
from cfgsweep.sweep.schema import Sweep


@dataclass(frozen=True)
class SearchRange:
    """scan: the values of the first round, rising. tolerance: the uncertainty to which transitions are located."""

    scan: tuple[float, ...]
    tolerance: float

    @property
    def low(self) -> float:
        return self.scan[0]

    @property
    def high(self) -> float:
        return self.scan[-1]

    @classmethod
    def of(cls, sweep: Sweep, place: int = 0) -> SearchRange:
        """The range of the searched axis at this place. What `phase` leaves open follows from the sweep's own values.

        Raises UserError if low is not below high, or if the tolerance is finer than twelve digits can tell.
        """
        settings = sweep.phase or PhaseSettings()
        own = searched_values(sweep.guider, sweep.value) if sweep.search[place] == "value" else []
        low = _at(settings.low, place) if settings.low else (own[0] if own else None)
        high = _at(settings.high, place) if settings.high else (own[-1] if own else None)
        if low is None or high is None:
            missing = "low" if low is None else "high"
            hint = f"on the command line --{missing}; or give `value` two numbers or more"
            raise UserError("is missing", where=f"phase.{missing}", allowed="a number: where to search", hint=hint)
        if not math.isfinite(high - low):
            raise UserError("too wide a range for floating point", where="phase", given=[low, high])
        if not low < high:
            raise UserError("the range is empty", where="phase", given=[low, high], allowed="low below high")
        tolerance = _at(settings.tolerance, place) if settings.tolerance else (high - low) / 1000
        least = 1e-9 * max(abs(low), abs(high))  # values are written with twelve digits
        if not least <= tolerance < high - low:
            allowed = f"from {least:.2g}, which values of this size can tell apart, to less than high - low"
            raise UserError("not a tolerance for this range", where="phase.tolerance", given=tolerance, allowed=allowed)
        inside = tuple(value for value in own if low <= value <= high)
        if inside and settings.low is None and settings.high is None:
            return cls(_checked_scan(inside), tolerance)
        return cls(tuple(rounded(v) for v in np.linspace(low, high, round(_at(settings.scan, place)))), tolerance)


def ranges_of(sweep: Sweep) -> list[SearchRange]:
    """The range of every setting that the sweep searches. Raises UserError if one of them is not right."""
    if len(set(sweep.search)) < len(sweep.search):
        raise UserError("the same setting twice", given=sweep.search).at_key("search")
    for name in ("low", "high", "scan", "tolerance"):
        given = getattr(sweep.phase, name, None) or []
        if len(given) > len(sweep.search):
            error = UserError("more than there are settings to search", given=given, allowed=sweep.search)
            raise error.at_key("phase", name)
    return [SearchRange.of(sweep, place) for place in range(len(sweep.search))]


def rounded(value: float) -> float:
    """The number with twelve digits: 0.0775, not 0.07750000000000001."""
    return float(f"{value:.12g}")


def _at(given: list[float] | list[int], place: int) -> float:
    """The entry at a place; a single entry serves both axes of a map."""
    return given[place] if place < len(given) else given[0]


def _checked_scan(values: tuple[float, ...]) -> tuple[float, ...]:
    if not 5 <= len(values) <= MOST_POINTS:
        allowed = f"5 to {MOST_POINTS} values, or low and high in `phase`"
        raise UserError("too few or too many values for a scan", where="value", given=len(values), allowed=allowed)
    return values
