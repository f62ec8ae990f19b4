"""The axis `guider`: guiders, those with values of their own (`tnorm: {value: [0.1, 0.2]}`), and groups of guiders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cfgsweep.config.instances import make_all
from cfgsweep.config.ranges import as_range, numbers_as_yaml, spread
from cfgsweep.errors import UserError, within_key
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.groups import GROUPS, members
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.sweep.zip_group import ZipGroup

VALUE = "value"

Guiders = Sequence["GuiderBase | GuiderEntry"]


@dataclass(frozen=True)
class GuiderEntry:
    """An entry of the axis.

    values: what replaces the sweep's `value` for this guider; None where the sweep's holds.
    group: the group that it is of, whose guiders are left out where they cannot run; "" for one that is named.
    """

    guider: GuiderBase
    values: tuple[float, ...] | None = None
    group: str = ""

    def spec(self) -> Any:
        """As a sweep file has it."""
        spec = self.guider.spec()
        if self.values is None:
            return spec
        given = as_range(list(self.values)) or (list(self.values) if len(self.values) > 1 else self.values[0])
        return {self.guider.name: {**(spec[self.guider.name] if isinstance(spec, dict) else {}), VALUE: given}}


def parse_guiders(given: Any) -> list[GuiderBase | GuiderEntry]:
    """The entries of the axis; a guider itself where it has no value of its own and is of no group.

    One that is named, too, is of no group.
    Errors have the place in the list.
    """
    found: list[GuiderBase | GuiderEntry] = []
    for index, item in enumerate(spread(given)):
        with within_key(*([index] if isinstance(given, list) else [])):
            found += _entries(item)
    named = {as_entry(one).guider for one in found if not as_entry(one).group}
    return [one for one in found if not as_entry(one).group or as_entry(one).guider not in named]


def _entries(item: Any) -> Sequence[GuiderBase | GuiderEntry]:
    if isinstance(item, GuiderEntry):
        return [item]
    if isinstance(item, str) and item in GROUPS:
        return [GuiderEntry(guider, group=item) for guider in members(item).guiders]
    values, rest = _taken_out(item)
    guiders = make_all(GUIDERS, rest)
    return guiders if values is None else [GuiderEntry(guider, values) for guider in guiders]


def _taken_out(item: Any) -> tuple[tuple[float, ...] | None, Any]:
    """The values of `{tnorm: {value: …}}`, and the rest; a guider of a user's may have a parameter of this name."""
    if not isinstance(item, dict) or len(item) != 1:
        return None, item
    ((name, parameters),) = item.items()
    if not isinstance(parameters, dict) or VALUE not in parameters:
        return None, item
    if VALUE in GUIDERS.look_up(name).model_fields:
        return None, item
    rest = {key: value for key, value in parameters.items() if key != VALUE}
    try:
        return tuple(_finite(one) for one in spread(parameters[VALUE])), {name: rest}
    except UserError as error:
        raise error.at_key(name, VALUE) from None


def _finite(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        spelling = numbers_as_yaml(given) if isinstance(given, str) else None
        hint = f"did you mean {spelling}?" if spelling else ""
        raise UserError("not a number", given=given, allowed="a number, a list of numbers, or a range", hint=hint)
    return float(given)


def as_entry(one: GuiderBase | GuiderEntry) -> GuiderEntry:
    return one if isinstance(one, GuiderEntry) else GuiderEntry(one)


def of_groups(guiders: Guiders) -> list[GuiderEntry]:
    """The entries that are of a group."""
    return [entry for entry in map(as_entry, guiders) if entry.group]


def entry_values(one: GuiderBase | GuiderEntry) -> list[tuple[GuiderBase, float | None]]:
    """The guider with each value of its own, or with None for the sweep's."""
    entry = as_entry(one)
    return [(entry.guider, value) for value in entry.values or (None,)]


def written(guiders: Guiders) -> list[Any]:
    """The axis as a file has it. A group is its name."""
    specs: list[Any] = []
    for entry in map(as_entry, guiders):
        if not entry.group:
            specs.append(entry.spec())
        elif entry.group not in specs:
            specs.append(entry.group)
    return specs


def check_values(guiders: Guiders, values: Sequence[float] | None, groups: Sequence[ZipGroup]) -> None:
    """Raises UserError where `value` is given or zipped and would not hold. values: those of the sweep."""
    own = [entry for entry in map(as_entry, guiders) if entry.values is not None]
    if len(own) == len(guiders) and values is not None:
        hint = "leave out `value`, or the guiders' own"
        problem = "nothing is done with it: every guider has a value of its own"
        raise UserError(problem, given=values[0] if len(values) == 1 else values, hint=hint).at_key(VALUE)
    for place, group in enumerate(groups):
        if VALUE in group.axes and own:
            problem = f"{VALUE} is zipped, and {own[0].guider.name} has a value of its own"
            raise UserError(problem, given=own[0].spec()).at_key("zip", place)


def searched_values(guiders: Guiders, values: Sequence[float] | None) -> list[float]:
    """The values over which `cfgsweep phase` searches, rising. values: those of the sweep.

    Raises UserError where guiders have different ones, since a search has one range for all of them.
    """
    sets = dict.fromkeys(tuple(values or ()) if one.values is None else one.values for one in map(as_entry, guiders))
    if len(sets) > 1:
        problem = "a search has one range for all guiders, and these have different values"
        hint = "search one guider at a time, or give one `value`"
        raise UserError(problem, given=written(guiders), hint=hint).at_key("guider")
    return sorted(set(next(iter(sets))))


def without_values(guiders: Guiders) -> list[GuiderEntry]:
    """The same guiders, for all of which the sweep's `value` holds."""
    return [replace(entry, values=None) for entry in map(as_entry, guiders)]
