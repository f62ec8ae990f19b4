"""The maps of a search over two settings: which kind of picture is where in their plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cfgsweep.storage.report_file import searched
from cfgsweep.sweep.titles import TitleLabels

Report = Mapping[str, Any]


def maps_of(report: Report, cells: Mapping[str, int], labels: TitleLabels) -> list[dict[str, Any]]:
    """Of a report of `cfgsweep phase`; none of a search over one setting. cells: their numbers, by ids."""
    names = searched(report)
    if len(names) != 2:
        return []
    sides = [_side(report, place, name, labels) for place, name in enumerate(names)]
    return [_map(search, sides, cells) for search in report["searches"] if search["points"]]


def _side(report: Report, place: int, name: str, labels: TitleLabels) -> dict[str, Any]:
    return {
        "name": name,
        "label": labels.get(name, name.partition(".")[2].replace(".", " ") or name),
        **{key: report[key][place] for key in ("low", "high", "tolerance")},
    }


def _map(search: Report, sides: Sequence[dict[str, Any]], cells: Mapping[str, int]) -> dict[str, Any]:
    there = [
        (*point["value"], kind, cells.get(point["id"]))
        for point, kind in zip(search["points"], search["kinds"], strict=True)
    ]
    cell_at = {(x, y): cell for x, y, _, cell in there}
    return {
        "title": search["title"],
        "across": sides[0],
        "up": sides[1],
        "points": [{"cell": cell, "x": x, "y": y, "kind": kind} for x, y, kind, cell in there if cell is not None],
        "areas": search.get("areas", []),
        "typical": [cell_at.get(tuple(one["value"])) for one in search["typical"]],
    }
