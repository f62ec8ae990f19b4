"""How the values of an axis are named in an entry of `exclude`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError
from cfgsweep.samplers import PictureFile
from cfgsweep.sweep.exclude import matches
from cfgsweep.sweep.serialize import _plain


def entry_values(axis: str, values: Sequence[Any]) -> list[Any]:
    """Of every value of the axis what names it in an entry, for YAML: it matches this value and no other of them.

    Raises UserError where there is nothing for a value: `call: {a: 1}` also names `call: {a: 1, b: 2}`.
    """
    return [_name(axis, value, values) for value in values]


def _name(axis: str, value: Any, values: Sequence[Any]) -> Any:
    for name in _names(axis, value):
        try:
            if all(matches({axis: one}, {axis: [name]}) == (one == value) for one in values):
                return name
        except UserError:
            continue
    raise UserError("no entry of exclude names this value alone", where=axis, given=value)


def _names(axis: str, value: Any) -> list[Any]:
    """What may name the value, the shortest first."""
    if axis == "size":
        return ["native" if value is None else f"{value[0]}x{value[1]}"]
    if isinstance(value, PictureFile):
        return [value.path]
    if isinstance(value, Parameters) and isinstance(spec := value.spec(), str):
        return [spec, {spec: {}}]  # without parameters, of which the name alone says nothing
    return [_plain(axis, value, {})]
