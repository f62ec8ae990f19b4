"""How the values of an axis are named in an entry of `exclude`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError
from cfgsweep.samplers import PictureFile
from cfgsweep.sweep.exclude import matches
from cfgsweep.sweep.serialize import plain_value


def entry_values(axis: str, values: Sequence[Any]) -> dict[int, Any]:
    """By the place of a value what names it in an entry, for YAML: it matches this value and no other of them.

    Without the values for which there is nothing: `call: {a: 1}` also names `call: {a: 1, b: 2}`.
    """
    if any(all(isinstance(value, kind) for value in values) for kind in (str, int | float)):
        return dict(enumerate(values))  # there may be thousands of prompts or seeds
    names = ((place, _names_alone(axis, value, values)) for place, value in enumerate(values))
    return {place: found[0] for place, found in names if found}


def _names_alone(axis: str, value: Any, values: Sequence[Any]) -> list[Any]:
    return [name for name in _names(axis, value) if _matches_alone(axis, name, value, values)]


def _matches_alone(axis: str, name: Any, value: Any, values: Sequence[Any]) -> bool:
    try:
        return all(matches({axis: one}, {axis: [name]}) == (one == value) for one in values)
    except UserError:
        return False


def _names(axis: str, value: Any) -> list[Any]:
    """What may name the value, the shortest first."""
    if axis == "size":
        return ["native" if value is None else f"{value[0]}x{value[1]}"]
    if isinstance(value, PictureFile):
        return [value.path]
    if isinstance(value, Parameters) and isinstance(spec := value.spec(), str):
        return [spec, {spec: {}}]  # without parameters, of which the name alone says nothing
    return [plain_value(axis, value, {})]
