"""Numbers as a page reads them from JSON: null where they are not finite, texts where JavaScript would round them."""

from __future__ import annotations

import math
from typing import Any

LARGEST_WHOLE = 2**53 - 1  # up to which JavaScript has all whole numbers


def finite(value: Any, digits: int | None = None) -> Any:
    """A value for JSON, with those inside. digits: to how many floats are rounded; all of them if None."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if digits is None else float(f"{value:.{digits}g}")
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        return str(value)
    if isinstance(value, dict):
        return {key: finite(one, digits) for key, one in value.items()}
    return [finite(one, digits) for one in value] if isinstance(value, list | tuple) else value
