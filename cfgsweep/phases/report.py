"""What a search found: for programs as JSON, for people as a table."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cfgsweep.config.parameters import compact
from cfgsweep.engine.cost import cost
from cfgsweep.phases.driver import Finder, Found
from cfgsweep.phases.line_search import Search
from cfgsweep.phases.map_search import PlaneSearch
from cfgsweep.phases.search_range import Range
from cfgsweep.phases.transitions import ABRUPT, OUTLIER, Transition
from cfgsweep.system.display import aligned

Report = dict[str, Any]


def as_json(name: str, finder: Finder, ranges: Sequence[Range], distance: str) -> Report:
    """Everything known, in the order of the searches. Of a map, whatever has two ranges is a list."""
    where = {key: [getattr(one, key) for one in ranges] for key in ("low", "high", "tolerance")}
    return {
        "name": name,
        "search": finder.axis.name,
        **{key: values if len(values) > 1 else values[0] for key, values in where.items()},
        "distance": distance,
        "finished": not finder.stopped,
        "evaluations": {"spent": finder.evaluations, "sweep_as_fine": _as_fine(finder, ranges)},
        "searches": [_report(one) for one in finder.found],
    }


def _as_fine(finder: Finder, ranges: Sequence[Range]) -> int:
    """Evaluations of a sweep whose values lie as closely everywhere as the tolerance asks."""
    points = math.prod(int((r.high - r.low) / r.tolerance) + 1 for r in ranges)
    return sum(points * cost([finder.at(one, _highest(ranges))]).evaluations for one in finder.found)


def _highest(ranges: Sequence[Range]) -> Any:
    return ranges[0].high if len(ranges) == 1 else tuple(one.high for one in ranges)


def _report(one: Found) -> Report:
    base = one.base
    settings = {"guider": base.guider.spec(), "schedule": base.schedule.spec(), "seed": base.seed, "model": base.model}
    points = [{"value": value, "id": record.id, "image": record.image} for value, record in sorted(one.records.items())]
    shown = {"prompt": base.prompt} if base.label is None else {"label": base.label}
    found = {"title": one.title, **settings, **shown, "rounds": one.rounds, "points": points}
    if not points:  # stopped before the scan
        return {**found, "transitions": []}
    if isinstance(one.search, PlaneSearch):
        return {**found, **_map(one, one.search)}
    assert isinstance(one.search, Search)
    return {**found, **_transitions(one, one.search)}


def _map(one: Found, search: PlaneSearch) -> Report:
    """Which kind of picture is where, and a picture of each kind."""
    return {
        "kinds": [search.kinds[point] for point in sorted(one.records)],
        "typical": [{"value": point, "image": one.records[point].image} for point in search.most_typical()],
        "cells": len(search.cells),
        "transitions": [],
    }


def _transitions(one: Found, search: Search) -> Report:
    background = search.background
    coarse = search.curve.coarse(background)
    locations = [transition.location for transition in search.transitions]
    return {
        "background": asdict(background),
        "slopes": {"values": coarse.values.tolist(), "per_unit": coarse.slopes.tolist()},
        "transitions": [
            {**asdict(transition), **_pictures(one, transition), **_parted(one.parting[number : number + 1])}
            for number, transition in enumerate(search.transitions)
        ],
        "ratios": [later / earlier for earlier, later in itertools.pairwise(locations) if earlier],
    }


def _pictures(one: Found, transition: Transition) -> Report:
    """The pictures before, half-way and after."""
    places = (transition.before, transition.location, transition.after)
    nearest = (min(one.records, key=lambda value: abs(value - place)) for place in places)
    return {"images": [one.records[value].image for value in nearest]}


def _parted(known: list[list[float]]) -> Report:
    """The step (from 0) from which on both sides stay at least half as far apart as they end, where it is known.

    At the very first steps a picture is a guess from noise, and two of them may differ more than later.
    """
    if not known:
        return {"parting_step": None, "parting": []}
    (parting,) = known
    closer = [step for step, apart in enumerate(parting) if apart < parting[-1] / 2]
    return {"parting_step": closer[-1] + 1 if closer else 0, "parting": parting}


def table(report: Report) -> list[str]:
    """A table for people: the rows of `transition_rows`, and what the search cost."""
    rows = transition_rows(report)
    if isinstance(report["low"], list):
        return [*aligned(rows), "", _costs(report)]
    return [
        *aligned(rows),
        "",
        f"size: {report['distance']} distance; steepness: in median slopes, abrupt from {ABRUPT:g} on; "
        f"outliers: {OUTLIER:g} deviations above the median",
        _costs(report),
    ]


def transition_rows(report: Report) -> list[tuple[str, ...]]:
    """A head and one row for every transition, or for every map."""
    if isinstance(report["low"], list):
        return [("map", "kinds of picture", "pictures", "cells"), *map(_map_row, report["searches"])]
    head = ("search", report["search"], "width", "size", "steepness", "verdict", "parts at step")
    rows: list[tuple[str, ...]] = [head]
    for search in report["searches"]:
        found = search["transitions"]
        rows += [_row(search["title"] if number == 0 else "", t) for number, t in enumerate(found)]
        if not found:
            rows.append((search["title"], "none", "", "", "", "", ""))
    return rows


def _map_row(search: Report) -> tuple[str, ...]:
    counts = (len(search.get("typical", [])), len(search["points"]), search.get("cells", 0))
    return (search["title"], *map(str, counts))


def _costs(report: Report) -> str:
    spent, fine = report["evaluations"]["spent"], report["evaluations"]["sweep_as_fine"]
    return f"{spent} evaluations; a sweep as fine as that takes {fine}"


def _row(title: str, t: Report) -> tuple[str, str, str, str, str, str, str]:
    location, width, steepness = compact(t["location"]), f"{t['width']:.2g}", f"{t['steepness']:.1f}"
    return title, location, width, f"{t['size']:.3f}", steepness, t["verdict"], str(t["parting_step"])
