"""Axes that move together: an entry of `zip`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cfgsweep.config.json_schema import only
from cfgsweep.errors import UserError, unknown_name

CYCLE = "cycle"


@dataclass(frozen=True)
class ZipGroup:
    """cycle: shorter axes start again until the longest ends. Otherwise all are equally long."""

    axes: tuple[str, ...]
    cycle: bool = False

    @classmethod
    def parse(cls, given: Any) -> ZipGroup:
        """From `[seed, label]` or `{cycle: [seed, label]}`. Raises UserError where it is neither."""
        if isinstance(given, ZipGroup):
            return given
        names = given
        if isinstance(given, dict):
            for key in given:
                if key != CYCLE:
                    raise unknown_name("way to zip", key, [CYCLE])
            names = given.get(CYCLE)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UserError("not a group of axes", given=given, allowed="[axis, axis], or {cycle: [axis, axis]}")
        return cls(tuple(names), isinstance(given, dict))

    def spec(self) -> list[str] | dict[str, list[str]]:
        """As a sweep file has it."""
        return {CYCLE: list(self.axes)} if self.cycle else list(self.axes)

    def rows(self, values: list[list[Any]]) -> list[tuple[Any, ...]]:
        """The axes' values together: one row for every step of the group."""
        length = max(map(len, values))
        return [tuple(column[index % len(column)] for column in values) for index in range(length)]


def parse_groups(given: Any) -> list[ZipGroup]:
    """From one group or a list of groups. Errors have the place in the list."""
    names = isinstance(given, list) and bool(given) and all(isinstance(name, str) for name in given)
    if names or not isinstance(given, list):
        return [ZipGroup.parse(given)]
    groups = []
    for number, one in enumerate(given):
        try:
            groups.append(ZipGroup.parse(one))
        except UserError as error:
            raise error.at_key(number) from None
    return groups


_NAMES = {"type": "array", "items": {"type": "string"}, "minItems": 2}
_GROUP = {"anyOf": [_NAMES, only(CYCLE, _NAMES)]}
GROUPS_SCHEMA = {"anyOf": [*_GROUP["anyOf"], {"type": "array", "items": _GROUP}]}
