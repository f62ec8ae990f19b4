"""The transitions of a search as marks between the values of a page's axis."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfgsweep.pages.axes import PageAxis, axis_searched
from cfgsweep.storage.report_file import searched


def transitions_of(
    report: Mapping[str, Any], axes: Sequence[PageAxis], cells: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Of a report of `cfgsweep phase`; none of maps, whose searches have none. cells: their numbers, by ids."""
    axis = next((one for one in axes if one.name == axis_searched(searched(report)[0])), None)
    if axis is None or None in axis.numbers:
        return []
    return [mark for search in report["searches"] for mark in _marks(search, axis, axes, cells)]


def _marks(
    search: Mapping[str, Any], axis: PageAxis, axes: Sequence[PageAxis], cells: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Between the last value that is not beyond the location and the next one."""
    numbers = [number for number in axis.numbers if number is not None]
    points = [cells[point["id"]] for point in search["points"] if point["id"] in cells]
    where = {one.name: found.pop() for one in axes if one is not axis and len(found := _codes(one, points)) == 1}
    for found in search["transitions"]:
        after = bisect_right(numbers, found["location"]) - 1
        if 0 <= after < len(numbers) - 1:
            yield {"axis": axis.name, "after": after, "distance": found.get("size"), "where": where}


def _codes(axis: PageAxis, cells: Sequence[int]) -> set[int]:
    return {axis.codes[cell] for cell in cells}
