"""Ways to match: what is equal in a guider's cell and the cell of the baseline that it is compared with."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from statistics import fmean, stdev

from cfgsweep.errors import unknown_name
from cfgsweep.evidence.cells import GUIDANCE, Cell
from cfgsweep.reports.measured import measured_metrics
from cfgsweep.sweep.compare_settings import EFFECTIVE_SCALE, EVALUATIONS, SETTINGS, VALUE


class Way(ABC):
    """A number that two cells have in common, nearly.

    told: what a cell that has another one is not. free: the settings in which the two cells may differ.
    """

    free: tuple[str, ...] = GUIDANCE
    told = ""
    undefined = ""

    @abstractmethod
    def number(self, cell: Cell) -> float | None:
        """None where it is not defined."""

    @abstractmethod
    def tolerance(self, cell: Cell) -> float:
        """How far the number of the baseline's cell may be off."""

    def distance(self, cell: Cell, other: Cell) -> float:
        """Infinite where a number is not defined."""
        a, b = self.number(cell), self.number(other)
        return math.inf if a is None or b is None else abs(a - b)

    def rank(self, cell: Cell, other: Cell) -> tuple[float, ...]:
        """Lower for a better match."""
        return (self.distance(cell, other),)

    def is_match(self, cell: Cell, other: Cell) -> bool:
        return self.distance(cell, other) <= self.tolerance(cell)


class ByEffectiveScale(Way):
    told = "as strong"
    undefined = (
        "it has no effective scale: no unconditional prediction, one equal to the conditional at all steps, "
        "or a picture of an earlier version"
    )

    def __init__(self, share: float = 0.05):
        """share: how far it may be off, as a share of the scale, or of 1 where that is larger."""
        self.share = share

    def number(self, cell: Cell) -> float | None:
        return cell.effective_scale

    def tolerance(self, cell: Cell) -> float:
        return self.share * max(1.0, abs(cell.effective_scale or 0.0))


class ByEvaluations(Way):
    """Of the cells with as many evaluations, the one that is nearest in strength, where that is defined."""

    free = (*GUIDANCE, "steps")
    told = "as costly"
    undefined = "its records do not have their evaluations"

    def number(self, cell: Cell) -> float | None:
        return cell.evaluations

    def tolerance(self, cell: Cell) -> float:
        """5% of them, or one more or less."""
        return max(1.0, 0.05 * (cell.evaluations or 0.0))

    def rank(self, cell: Cell, other: Cell) -> tuple[float, ...]:
        excess = max(0.0, self.distance(cell, other) - self.tolerance(cell))
        return excess, ByEffectiveScale().distance(cell, other), self.distance(cell, other)


class BySettings(Way):
    """Nothing but the settings that are not compared."""

    free: tuple[str, ...] = ("guider",)

    def number(self, cell: Cell) -> float | None:
        return 0.0

    def tolerance(self, cell: Cell) -> float:
        return 0.0


class ByValue(BySettings):
    """The same value and the same schedule."""

    free = ("guider", "value")
    told = "of its value"

    def number(self, cell: Cell) -> float | None:
        return cell.example.value


class ByMetric(Way):
    """The mean of a metric."""

    def __init__(self, metric: str):
        self.metric = metric
        self.told = f"equal in {metric}"
        self.undefined = f"its pictures have no {metric}"

    def number(self, cell: Cell) -> float | None:
        numbers = cell.numbers(self.metric)
        return fmean(numbers) if numbers else None

    def tolerance(self, cell: Cell) -> float:
        """A tenth of the standard deviation over the cell's observations, half of what is called a small effect."""
        numbers = cell.numbers(self.metric)
        return stdev(numbers) / 10 if len(numbers) > 1 else 0.0


WAYS: dict[str, type[Way]] = {
    EFFECTIVE_SCALE: ByEffectiveScale,
    EVALUATIONS: ByEvaluations,
    VALUE: ByValue,
    SETTINGS: BySettings,
}


def way_called(matched: str, metrics: Sequence[str]) -> Way:
    """The way of this name, or by the metric of this name. Raises UserError where it is none that is measured."""
    if matched not in (*WAYS, *metrics):
        raise unknown_name("way to match", matched, (*WAYS, *metrics), "--matched")
    return WAYS[matched]() if matched in WAYS else ByMetric(matched)


def alike(cell: Cell, baseline: Sequence[Cell], free: Sequence[str]) -> list[Cell]:
    """The cells of the baseline with the other settings of the cell."""
    context = cell.context(free)
    return [other for other in baseline if other.context(free) == context]


def nearest(cell: Cell, baseline: Sequence[Cell], way: Way, free: Sequence[str]) -> Cell | None:
    """The cell of the baseline that matches best; None where none has the other settings, or a number to match."""
    known = [other for other in alike(cell, baseline, free) if math.isfinite(way.distance(cell, other))]
    return min(known, key=lambda other: way.rank(cell, other), default=None)


def match_of(cell: Cell, baseline: Sequence[Cell], matched: str) -> Cell | None:
    """The cell of the baseline that matches; None where none does. Raises UserError where there is no such way."""
    way = way_called(matched, measured_metrics(cell.records.values()))
    match = nearest(cell, baseline, way, way.free)
    return match if match is not None and way.is_match(cell, match) else None
