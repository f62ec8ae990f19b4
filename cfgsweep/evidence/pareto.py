"""What a guider gives of one metric for what it takes of another: cells with intervals, and those that none beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.evidence.cells import Cell, apart, cells
from cfgsweep.evidence.matching import match_of
from cfgsweep.evidence.statistics import LEAST_PAIRS, mean_interval
from cfgsweep.metrics.spec import higher_is_better
from cfgsweep.reports.measured import measured_metrics
from cfgsweep.reports.pareto_plot import Curve, Interval, ParetoPlot, Point
from cfgsweep.storage.records import Record
from cfgsweep.sweep.experiment import Experiment


def pareto_of(
    title: str,
    experiments: Sequence[Experiment],
    records: Mapping[str, Record],
    metrics: Sequence[str],
    baseline: str,
    matched: str,
) -> ParetoPlot:
    """The cells of a run by two metrics. Raises UserError where they are not two that were measured.

    The intervals are those of the bootstrap over prompts and seeds. Cells are joined as `compare` matches them.
    """
    _check(metrics, records)
    x, y = metrics
    found = [cell for cell in cells(experiments, records) if cell.numbers(x) and cell.numbers(y)]
    if not found:
        raise UserError("no picture has both metrics", where="--plot", given=list(metrics))
    points = {id(cell): _point(cell, x, y) for cell in found}
    curves: dict[str, list[Cell]] = {}
    for cell in found:
        curves.setdefault(cell.curve, []).append(cell)
    drawn = [Curve(name, [points[id(cell)] for cell in _by_value(own)]) for name, own in curves.items()]
    joined = [(points[id(a)], points[id(b)]) for a, b in _matches(found, baseline, matched)]
    better = (higher_is_better(x), higher_is_better(y))
    return ParetoPlot(title, (x, y), better, drawn, joined, _front(list(points.values()), better))


def _check(metrics: Sequence[str], records: Mapping[str, Record]) -> None:
    if len(metrics) != 2 or metrics[0] == metrics[1]:
        allowed = "two different metrics: --plot METRIC,METRIC"
        raise UserError("a picture of two metrics", where="--plot", given=",".join(metrics), allowed=allowed)
    measured = measured_metrics(records.values())
    for name in metrics:
        if name not in measured:
            raise unknown_name("metric of this run", name, measured, "--plot")


def _by_value(found: list[Cell]) -> list[Cell]:
    return sorted(found, key=lambda cell: cell.example.value)


def _point(cell: Cell, x: str, y: str) -> Point:
    of_x, of_y = cell.numbers(x), cell.numbers(y)
    return Point(fmean(of_x), fmean(of_y), _interval(of_x), _interval(of_y), f"{cell.example.value:.4g}")


def _interval(numbers: list[float]) -> Interval | None:
    return mean_interval(np.asarray(numbers)) if len(numbers) >= LEAST_PAIRS else None


def _matches(found: Sequence[Cell], baseline: str, matched: str) -> list[tuple[Cell, Cell]]:
    """Every cell of another guider with its match; none where all pictures are of one guider."""
    if len({cell.example.guider.title() for cell in found}) < 2:
        return []
    own, others = apart(found, "guider", baseline)
    return [(cell, match) for cell in others if (match := match_of(cell, own, matched)) is not None]


def _front(points: list[Point], better: tuple[bool | None, bool | None]) -> list[Point] | None:
    """The points that no other is better than in one metric and at least as good as in the other."""
    if None in better:
        return None
    signs = np.array([1.0 if each else -1.0 for each in better])
    places = np.array([(point.x, point.y) for point in points]) * signs
    beaten = [bool(((places >= one).all(1) & (places > one).any(1)).any()) for one in places]
    return [point for point, is_beaten in zip(points, beaten, strict=True) if not is_beaten]
