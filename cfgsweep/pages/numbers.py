"""Numbers for JSON, which has none that is not finite: null is in their place."""

from __future__ import annotations

import math
from typing import Any


def finite(value: Any, digits: int | None = None) -> Any:
    """A value for JSON, with those inside. digits: to how many numbers are rounded; all of them if None."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if digits is None else float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: finite(one, digits) for key, one in value.items()}
    return [finite(one, digits) for one in value] if isinstance(value, list | tuple) else value
