"""The values of an axis: one value, a list of values, or ranges of numbers."""

from __future__ import annotations

import itertools
import math
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

from cfgsweep.errors import UserError, unknown_name

MAX_POINTS = 1_000_000
WORTH_A_RANGE = 9  # numbers of an axis: shorter ones are more readable as a list
RANGES = {
    "range": "{range: [start, stop, step]}, stop included where a step lands on it",
    "linspace": "{linspace: [first, last, how many]}",
    "logspace": "{logspace: [first, last, how many]}, both above 0",
}

# Of A1111: 1-10, with the step in 1-10 (+2), with the number of values in 1-10 [5].
STEPPED = re.compile(r"\s*(-?[\d.]+)\s*-\s*(-?[\d.]+)\s*(?:\(\+?(-?[\d.]+)\)|\[(\d+)\])?\s*")
DOTTED = re.compile(r"\s*(-?\d+)\s*\.\.+\s*(-?\d+)\s*")  # 1..3


def spread(given: Any) -> list[Any]:
    """The values that a file gives for an axis, with the numbers in place of ranges.

    Raises UserError if there are none or more than MAX_POINTS, or if a range is not one.
    """
    items = given if isinstance(given, list) else [given]
    if not items:
        raise UserError("the axis is empty", allowed="at least one value")
    spread_out = (points(item) if isinstance(item, dict) and RANGES.keys() & item.keys() else [item] for item in items)
    values = list(itertools.islice(itertools.chain.from_iterable(spread_out), MAX_POINTS + 1))
    if len(values) > MAX_POINTS:
        raise UserError("too many values on one axis", allowed=f"at most {MAX_POINTS}")
    return values


def points(given: dict[str, Any]) -> list[float]:
    """The numbers of a range, exact in decimal (0.084 and not 0.08399999999999999).

    Raises UserError if it is no range, or has more than MAX_POINTS numbers.
    """
    kind = next(iter(RANGES.keys() & given.keys()))
    if len(given) != 1:
        raise unknown_name("key", next(key for key in given if key != kind), [kind])
    a, b, c = _three_numbers(given, kind)
    count = _count(kind, a, b, c, given)
    if count > MAX_POINTS:
        raise UserError("too many points", given=given, allowed=f"at most {MAX_POINTS}")
    if kind == "range":
        return [float(a + c * i) for i in range(count)]
    if kind == "linspace":
        return [float(a + (b - a) * i / max(1, count - 1)) for i in range(count)]
    ratio = math.log(b / a)
    inner = (float(a) * math.exp(ratio * i / max(1, count - 1)) for i in range(count))
    return [float((a, b)[i > 0]) if i in (0, count - 1) else value for i, value in enumerate(inner)]


def as_range(values: list[Any]) -> dict[str, list[Any]] | None:
    """The range of some kind that gives exactly these numbers; None where there is none, or they are few."""
    plain = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if len(values) < WORTH_A_RANGE or not plain:
        return None
    step = _as_number(Decimal(str(values[1])) - Decimal(str(values[0])))
    first, last = values[0], values[-1]
    spaced = [{kind: [first, last, len(values)]} for kind in ("linspace", "logspace")]
    for given in ({"range": [first, last, step]}, *spaced):
        with suppress(UserError):
            if points(given) == values:
                return given
    return None


def _as_number(exact: Decimal) -> int | float:
    return int(exact) if exact == int(exact) else float(exact)


def _three_numbers(given: dict[str, Any], kind: str) -> tuple[Decimal, Decimal, Decimal]:
    numbers = given[kind]
    fine = isinstance(numbers, list) and len(numbers) == 3
    if not fine or not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e300 for n in numbers):
        raise UserError(f"not a {kind}", given=given, allowed=RANGES[kind])
    a, b, c = (Decimal(str(n)) for n in numbers)
    return a, b, c


def _count(kind: str, a: Decimal, b: Decimal, c: Decimal, given: dict[str, Any]) -> int:
    """The number of points. Raises UserError if the three numbers do not make a range."""
    if kind == "range":
        if c == 0 or (b - a) / c < 0:
            raise UserError("the step does not lead from start to stop", given=given, allowed=RANGES[kind])
        return math.floor((b - a) / c) + 1
    if c != int(c) or c < 1 or (c == 1 and a != b):
        raise UserError("not a number of points", given=given, allowed="a whole number, 2 or more")
    if kind == "logspace" and min(a, b) <= 0:
        raise UserError("a logspace lies above 0", given=given, allowed=RANGES[kind])
    return int(c)


def numbers_as_yaml(text: str) -> str | None:
    """A list `1, 2, 3` or a range `1-10 (+2)`, `1-10 [5]` as a sweep file has it."""
    if (found := STEPPED.fullmatch(text)) is not None:
        first, last, step, count = found.groups()
        return f"{{linspace: [{first}, {last}, {count}]}}" if count else f"{{range: [{first}, {last}, {step or 1}]}}"
    if (found := DOTTED.fullmatch(text)) is not None:
        return f"{{range: [{found[1]}, {found[2]}, 1]}}"
    parts = [part.strip() for part in text.split(",")]
    return f"[{', '.join(parts)}]" if len(parts) > 1 and all(map(_is_number, parts)) else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
