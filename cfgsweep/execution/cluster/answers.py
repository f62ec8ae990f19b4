"""What comes back from actors: values, errors of where they were computed, and losses."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from cfgsweep.errors import RunFailed, shorten


def value_of(reference: Any) -> Any:
    """The value of a reference. Raises what was raised where it was computed, RayError where that is gone."""
    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, Exception) and not isinstance(error.cause, RayError):
            raise error.cause from error  # with the traceback of where it was
        raise RunFailed(f"a worker failed: {shorten(str(error), 2000)}") from None


def reason_of(error: RayError) -> str:
    """Ray's words, of which the first line says what happened."""
    return shorten(next(iter(str(error).strip().splitlines()), type(error).__name__), 160)
