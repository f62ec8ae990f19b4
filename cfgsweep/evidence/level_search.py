"""Finds the value at which the baseline has the same level as another guider's cell, of a metric or of strength."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from cfgsweep.evidence.cells import Cell
from cfgsweep.evidence.matching import Way

NEAREST, FARTHEST = 1.5, 4.0  # factors from the last known scale to the next, where none is beyond the level
LOWEST, HIGHEST = 0.01, 100.0
NARROWEST = 0.01  # of the larger scale: a bracket is not divided further


def next_value(cell: Cell, baseline: Sequence[Cell], way: Way, start: float) -> float | None:
    """The scale to try next; None where one of the baseline's cells is near enough, or none can come nearer.

    start: the first one, above 0, if the baseline has no cell. Between two scales whose levels enclose the cell's, the
    next is where the line between them has it, over the logarithm of the scale, but not nearer to either than a tenth
    of the way.
    """
    level = way.number(cell)
    if level is None or any(way.is_match(cell, other) for other in baseline):
        return None
    positive = (other for other in baseline if other.example.value > 0)
    points = sorted((o.example.value, number - level) for o in positive if (number := way.number(o)) is not None)
    if not points:
        return _rounded(start)
    for (low, below), (high, above) in itertools.pairwise(points):
        if below * above <= 0:
            share = min(0.9, max(0.1, below / (below - above)))
            return _rounded(low * (high / low) ** share) if high - low > NARROWEST * high else None
    return _beyond(points)


def _beyond(points: Sequence[tuple[float, float]]) -> float | None:
    """The scale beyond the end that is nearer to the level, where the line through the end has it, within limits.

    None where that is at its limit.
    """
    rises = abs(points[-1][1]) <= abs(points[0][1])
    end, inner = (points[-1], points[-2:][0]) if rises else (points[0], points[:2][1])
    slope = (end[1] - inner[1]) / (end[0] - inner[0]) if end != inner else 0.0
    factor = (end[0] - end[1] / slope) / end[0] if slope else NEAREST
    found = _rounded(end[0] * (_within(factor) if rises else 1 / _within(1 / factor if factor > 0 else FARTHEST)))
    return found if LOWEST <= found <= HIGHEST and found != end[0] else None


def _within(factor: float) -> float:
    return min(FARTHEST, max(NEAREST, factor))


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
