"""What is known of a picture of another program."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

OURS = "cfgsweep"
LONGEST = 30  # digits of a number


@dataclass
class ForeignSettings:
    """Settings as the program has them, not checked yet.

    program: its name; OURS for a picture of cfgsweep, which may have another guider than cfg.
    schedule: the name of the noise schedule, such as Karras, "" where it is not told.
    loras: file names without ending, with their scales. others: all that a sweep file has no key for.
    """

    program: str
    prompt: str = ""
    negative_prompt: str = ""
    model: str = ""
    sampler: str = ""
    guider: str = "cfg"
    schedule: str = ""
    seed: object = None
    steps: object = None
    value: object = None
    size: tuple[object, object] | None = None
    loras: list[tuple[str, float]] = field(default_factory=list)
    others: dict[str, str] = field(default_factory=dict)


def as_text(value: object) -> str:
    """Any value in one line."""
    return " ".join(str(value).split())


def whole(given: object) -> int | None:
    """A whole number, or a text of one; None for anything else."""
    found = number(given)
    return int(found) if found is not None and found == int(found) else None


def number(given: object) -> float | None:
    """A finite number, or a text of one; None for anything else. Whole numbers stay exact."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    text = str(given).strip() if isinstance(given, float | str) or abs(given) < 10**LONGEST else ""
    try:
        return int(text) if text.removeprefix("-").isdecimal() and len(text) <= LONGEST else _finite(float(text))
    except ValueError:
        return None


def _finite(found: float) -> float | None:
    return found if math.isfinite(found) else None
