"""Names that stand for many guiders in a sweep file: `guider: all`, `guider: diffusers`."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from cfgsweep.config.validation_words import told
from cfgsweep.errors import UserError, shorten
from cfgsweep.guidance import GUIDERS, PREFIX
from cfgsweep.guidance.guiders.from_diffusers import names_in_diffusers
from cfgsweep.guidance.interface import GuiderBase

GROUPS = {
    "all": "every guider of cfgsweep and of installed packages that needs no further parameters",
    PREFIX.rstrip("."): "every guider of diffusers that needs no further parameters",
}
STEPS_OF_A_TRIAL = 10


@dataclass(frozen=True)
class Group:
    """guiders: with their default parameters. left_out: by name why a guider is not among them."""

    guiders: Sequence[GuiderBase]
    left_out: Mapping[str, str]


@functools.cache
def members(name: str) -> Group:
    """The guiders that a group stands for. That of diffusers imports diffusers and torch."""
    names = list(GUIDERS) if name == "all" else names_in_diffusers()
    found = dict(_tried(names))
    guiders = [one for one in found.values() if isinstance(one, GuiderBase)]
    return Group(guiders, {name: one for name, one in found.items() if isinstance(one, str)})


def _tried(names: Sequence[str]) -> Iterator[tuple[str, GuiderBase | str]]:
    """The guider of each name, or why it cannot be used without further parameters."""
    for name in names:
        try:
            guider = GUIDERS.look_up(name)()
            compiled = guider.compile(STEPS_OF_A_TRIAL, range(STEPS_OF_A_TRIAL), ())
            compiled.branches(math.nan, compiled.at_call(STEPS_OF_A_TRIAL - 1))
        except ValidationError as invalid:
            yield name, shorten(_reason(invalid), 90)
        except UserError as error:
            yield name, shorten(error.problem, 90)
        else:
            yield name, guider


def _reason(invalid: ValidationError) -> str:
    error = invalid.errors()[0]
    if error["type"] == "missing":
        return f"needs {'.'.join(map(str, error['loc']))}"
    original = error.get("ctx", {}).get("error")
    return original.problem if isinstance(original, UserError) else told(error).problem
