"""Conditions of `exclude`: which cells of the grid they match."""

from __future__ import annotations

import operator
from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError

COMPARISONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def matches(cell: dict[str, Any], conditions: dict[str, Any]) -> bool:
    return all(_field_matches(cell[name], wanted) for name, wanted in conditions.items())


def _field_matches(value: Any, wanted: Any) -> bool:
    """Equal, in a list, or for numbers a comparison ('> 0.2'). A guider's bare name matches all its parameters."""
    if isinstance(wanted, list) and not isinstance(value, tuple):
        return any(_field_matches(value, one) for one in wanted)
    if isinstance(value, Parameters):
        return wanted in (value.name, value.spec())
    if isinstance(value, tuple):
        return wanted == list(value) or value == (wanted, wanted)
    if isinstance(wanted, str) and isinstance(value, int | float):
        return _compares(value, wanted)
    return value == wanted if value is not None else wanted in (None, "native")


def _compares(value: float, wanted: str) -> bool:
    sign = next((sign for sign in COMPARISONS if wanted.strip().startswith(sign)), "")
    try:
        return bool(sign) and COMPARISONS[sign](value, float(wanted.strip().removeprefix(sign)))
    except ValueError:
        raise UserError("not a comparison", where="exclude", given=wanted, allowed="such as '> 0.2'") from None
