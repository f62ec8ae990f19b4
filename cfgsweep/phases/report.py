"""The report of a search: phase.json, and a table of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cfgsweep.config.parameters import compact
from cfgsweep.engine.cost import cost
from cfgsweep.phases.distribution import LEAST_SEEDS, distribution, summary
from cfgsweep.phases.driver import PhaseDriver, SearchState
from cfgsweep.phases.line_search import LineSearch
from cfgsweep.phases.map_search import MapSearch
from cfgsweep.phases.search_range import SearchRange
from cfgsweep.phases.transitions import ABRUPT, Transition
from cfgsweep.storage.report_fields import OLD_ABRUPT, OLD_UNIT
from cfgsweep.sweep.titles import axis_label, varying
from cfgsweep.system.display import aligned

Report = dict[str, Any]


def as_json(name: str, driver: PhaseDriver, ranges: Sequence[SearchRange], distance: str) -> Report:
    """The content of phase.json. In the report of a map, what belongs to a range is a list of two."""
    searches = [_search_report(state) for state in driver.states]
    seeds = _distributions(driver.states, searches, ranges[0].high) if len(ranges) == 1 else []
    where = {key: [getattr(one, key) for one in ranges] for key in ("low", "high", "tolerance")}
    return {
        "name": name,
        "search": driver.axis.name,
        **{key: values if len(values) > 1 else values[0] for key, values in where.items()},
        "distance": distance,
        **({"steepness_in": "mean slopes", "abrupt_from": ABRUPT} if len(ranges) == 1 else {}),
        "finished": not driver.stopped,
        "evaluations": {"spent": driver.evaluations, "sweep_as_fine": _as_fine(driver, ranges)},
        **({"distributions": seeds} if seeds else {}),
        "searches": searches,
    }


def _distributions(states: Sequence[SearchState], searches: Sequence[Report], high: float) -> list[Report]:
    """One for all searches that differ in the seed alone, if they are enough."""
    fields = [name for name in varying([state.base for state in states]) if name != "seed"]
    groups: dict[tuple[Any, ...], list[list[Report]]] = {}
    for state, search in zip(states, searches, strict=True):
        if search["points"]:
            settings = tuple(axis_label(name, state.base.value_of(name)) for name in fields)
            groups.setdefault(settings or (state.base.guider.title(),), []).append(search["transitions"])
    several = {settings: found for settings, found in groups.items() if len(found) >= LEAST_SEEDS}
    return [distribution(", ".join(settings), found, high) for settings, found in several.items()]


def _as_fine(driver: PhaseDriver, ranges: Sequence[SearchRange]) -> int:
    """The evaluations of a sweep over the whole range in steps of the tolerance."""
    points = math.prod(int((r.high - r.low) / r.tolerance) + 1 for r in ranges)
    return sum(points * cost([driver.experiment_at(state, _highest(ranges))]).evaluations for state in driver.states)


def _highest(ranges: Sequence[SearchRange]) -> Any:
    return ranges[0].high if len(ranges) == 1 else tuple(one.high for one in ranges)


def _search_report(state: SearchState) -> Report:
    base = state.base
    settings = {"guider": base.guider.spec(), "schedule": base.schedule.spec(), "seed": base.seed, "model": base.model}
    records = sorted(state.records.items())
    points = [{"value": value, "id": record.id, "image": record.image} for value, record in records]
    shown = {"prompt": base.prompt} if base.label is None else {"label": base.label}
    found = {"title": state.title, **settings, **shown, "rounds": state.rounds, "points": points}
    if not points:  # stopped before the scan
        return {**found, "transitions": []}
    if isinstance(state.search, MapSearch):
        return {**found, **_map_report(state, state.search)}
    assert isinstance(state.search, LineSearch)
    return {**found, **_line_report(state, state.search)}


def _map_report(state: SearchState, search: MapSearch) -> Report:
    """The kind of picture at every point, and a typical picture of each kind."""
    return {
        "kinds": [search.kinds[point] for point in sorted(state.records)],
        "typical": [{"value": point, "image": state.records[point].image} for point in search.typical_points()],
        "cells": len(search.cells),
        "areas": [
            {"left": left, "right": right, "bottom": bottom, "top": top, "kind": kind}
            for (left, right, bottom, top), kind in search.areas
        ],
        "transitions": [],
    }


def _line_report(state: SearchState, search: LineSearch) -> Report:
    values, slopes = search.analysis.slopes
    locations = [transition.location for transition in search.transitions]
    return {
        "background": asdict(search.background),
        "slopes": {"values": values.tolist(), "per_unit": slopes.tolist()},
        "transitions": [
            {**asdict(transition), **_pictures(state, transition), **_parting(state.divergence[number : number + 1])}
            for number, transition in enumerate(search.transitions)
        ],
        "ratios": [later / earlier for earlier, later in itertools.pairwise(locations) if earlier],
    }


def _pictures(state: SearchState, transition: Transition) -> Report:
    """The pictures before, half-way through and after a transition: of the computed values, the nearest."""
    places = (transition.before, transition.location, transition.after)
    nearest = (min(state.records, key=lambda value: abs(value - place)) for place in places)
    return {"images": [state.records[value].image for value in nearest]}


def _parting(divergence: list[list[float]]) -> Report:
    """The first step from which on both sides stay at least half as far apart as they end, counted from 0.

    Later steps count, since the x0 of the very first steps are guesses from noise, which may differ more.
    """
    if not divergence:
        return {"parting_step": None, "parting": []}
    (parting,) = divergence
    closer = [step for step, apart in enumerate(parting) if apart < parting[-1] / 2]
    return {"parting_step": closer[-1] + 1 if closer else 0, "parting": parting}


def table(report: Report) -> list[str]:
    """A table for people: the rows of `transition_rows`, and what the search cost."""
    rows = transition_rows(report)
    if isinstance(report["low"], list):
        return [*aligned(rows), "", _costs(report)]
    unit, abrupt = report.get("steepness_in", OLD_UNIT), report.get("abrupt_from", OLD_ABRUPT)
    notes = [f"size: {report['distance']} distance; steepness: in {unit}, abrupt from {abrupt:g} on"]
    if any(_is_open(t) for search in report["searches"] for t in search["transitions"]):
        notes.append("?: within its uncertainty, the steepness is on both sides of that")
    notes += [
        edge_note(report, t) for search in report["searches"] for t in search["transitions"] if at_edge(report, t)
    ]
    seeds = [line for found in report.get("distributions", []) for line in ["", *summary(found)]]
    return [*aligned(rows), "", *notes, _costs(report), *seeds]


def at_edge(report: Report, t: Report) -> bool:
    """Whether a transition reaches an end of the range, so that a part of it may be beyond."""
    return bool(t["before"] <= report["low"] or t["after"] >= report["high"])


def edge_note(report: Report, t: Report) -> str:
    """What to do about a transition at an end of the range, or at both."""
    ends = {"low": t["before"] <= report["low"], "high": t["after"] >= report["high"]}
    options = " and ".join(f"--{end}" for end, reached in ends.items() if reached)
    place = compact(t["location"])
    return f"the transition at {place} reaches the end of the range: widen it ({options}) to see all of it"


def _is_open(t: Report) -> bool:
    """Whether the verdict on a transition may be another one. Reports without uncertainties do not tell."""
    return bool(t.get("verdict_margin", 0.0) < 0)


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


def _row(title: str, t: Report) -> tuple[str, ...]:
    width = with_uncertainty(f"{t['width']:.2g}", t["width"], t.get("width_uncertainty"))
    size, steepness = f"{t['size']:.3f}", f"{t['steepness']:.1f}"
    return title, location_text(t), width, size, steepness, verdict_text(t), str(t["parting_step"])


def location_text(t: Report) -> str:
    """Where a transition is: 0.0775 ± 0.001."""
    return with_uncertainty(compact(t["location"]), t["location"], t.get("location_uncertainty"))


def verdict_text(t: Report) -> str:
    """The verdict on a transition, with a question mark where the uncertainty leaves it open."""
    return f"{t['verdict']}?" if _is_open(t) else str(t["verdict"])


def with_uncertainty(exact: str, value: float, uncertainty: float | None) -> str:
    """A value to the second digit of its uncertainty. exact: the value alone, for reports without uncertainties."""
    if not uncertainty:
        return exact
    decimals = max(0, 1 - math.floor(math.log10(uncertainty)))
    return f"{value:.{decimals}f} ± {uncertainty:.1g}"
