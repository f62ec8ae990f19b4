"""What a search found: for programs as JSON, for people as a table."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from typing import Any

from cfgsweep.display import aligned
from cfgsweep.engine.plan import cost
from cfgsweep.parameters import compact
from cfgsweep.phase.curve import ABRUPT, OUTLIER, Transition
from cfgsweep.phase.finder import Finder, Found

Report = dict[str, Any]


def as_json(name: str, finder: Finder, distance: str) -> Report:
    """Everything known, in the order of the searches."""
    where = finder.where
    return {
        "name": name,
        "search": finder.axis.name,
        "low": where.low,
        "high": where.high,
        "tolerance": where.tolerance,
        "distance": distance,
        "finished": not finder.stopped,
        "evaluations": {"spent": finder.evaluations, "sweep_as_fine": _as_fine(finder)},
        "searches": [_search(finder, one) for one in finder.found],
    }


def _as_fine(finder: Finder) -> int:
    """Evaluations of a sweep whose values lie as closely everywhere as the tolerance asks."""
    points = int((finder.where.high - finder.where.low) / finder.where.tolerance) + 1
    return sum(points * cost([finder.axis.at(one.base, finder.where.high)]).evaluations for one in finder.found)


def _search(finder: Finder, one: Found) -> Report:
    search, base = one.search, one.base
    if not search.points:  # stopped before the scan
        return {"title": one.title, "rounds": [], "transitions": [], "ratios": [], "points": []}
    background = search.background
    coarse = search.curve.coarse(background)
    locations = [transition.location for transition in one.transitions]
    return {
        "title": one.title,
        "guider": base.guider.spec(),
        "schedule": base.schedule.spec(),
        "prompt": base.prompt,
        "seed": base.seed,
        "model": base.model,
        "background": asdict(background),
        "rounds": one.rounds,
        "slopes": {"values": coarse.values.tolist(), "per_unit": coarse.slopes.tolist()},
        "transitions": [
            {**asdict(transition), **_pictures(one, transition), **_parted(one.parting[number : number + 1])}
            for number, transition in enumerate(one.transitions)
        ],
        "ratios": [later / earlier for earlier, later in itertools.pairwise(locations) if earlier],
        "points": [
            {"value": value, "id": one.records[value]["id"], "image": one.records[value]["image"]}
            for value in sorted(search.points)
        ],
    }


def _pictures(one: Found, transition: Transition) -> Report:
    """The pictures before, half-way and after."""
    places = (transition.before, transition.location, transition.after)
    nearest = (min(one.records, key=lambda value: abs(value - place)) for place in places)
    return {"images": [one.records[value]["image"] for value in nearest]}


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
    """One line a transition, under a line for every search."""
    rows = [("search", report["search"], "width", "size", "steepness", "verdict", "parts at step")]
    for search in report["searches"]:
        found = search["transitions"]
        rows += [_row(search["title"] if number == 0 else "", t) for number, t in enumerate(found)]
        if not found:
            rows.append((search["title"], "none", "", "", "", "", ""))
    spent, fine = report["evaluations"]["spent"], report["evaluations"]["sweep_as_fine"]
    return [
        *aligned(rows),
        "",
        f"size: {report['distance']} distance; steepness: in median slopes, abrupt from {ABRUPT:g} on; "
        f"outliers: {OUTLIER:g} deviations above the median",
        f"{spent} evaluations; a sweep as fine as that takes {fine}",
    ]


def _row(title: str, t: Report) -> tuple[str, str, str, str, str, str, str]:
    location, width, steepness = compact(t["location"]), f"{t['width']:.2g}", f"{t['steepness']:.1f}"
    return title, location, width, f"{t['size']:.3f}", steepness, t["verdict"], str(t["parting_step"])
