"""Settings chosen on one half of the prompts and judged on the other, so that the choice does not flatter itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from statistics import fmean
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.evidence.cells import GUIDANCE, Cell, apart, cells, value_of
from cfgsweep.evidence.comparison import (
    Comparison,
    Comparisons,
    check_pairs,
    chosen_metrics,
    failures,
    metrics_to_compare,
    with_corrected_p,
)
from cfgsweep.evidence.matching import match_of
from cfgsweep.evidence.statistics import LEAST_PAIRS
from cfgsweep.metrics.spec import higher_is_better, is_of_cells, is_of_groups
from cfgsweep.reports.cells import OVER
from cfgsweep.storage.records import Record
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.display import aligned, html_table
from cfgsweep.system.wording import counted


@dataclass(frozen=True)
class Halves:
    """The prompts, labels or seeds of which one half is to choose by, and the other to judge by."""

    unit: str
    choose: Sequence[object]
    judge: Sequence[object]

    @classmethod
    def of(cls, found: Sequence[Cell], seed: int) -> Halves:
        """By prompts; by labels where there are none, by seeds where there is one prompt or label alone.

        Raises UserError where there is one of all.
        """
        for unit in ("prompt", "label", "seed"):
            values = list(dict.fromkeys(value_of(pair, unit) for cell in found for pair in cell.records))
            if len(values) > 1:
                Random(seed).shuffle(values)
                half = len(values) // 2
                return cls(unit, values[:half], values[half:])
        raise UserError("one picture a cell: there are no halves", where="--split", hint="more prompts or seeds")

    def part(self, cell: Cell, values: Sequence[object]) -> Cell:
        """The pictures of a cell that are of one half."""
        kept = set(values)
        return replace(cell, records={pair: r for pair, r in cell.records.items() if value_of(pair, self.unit) in kept})

    def __str__(self) -> str:
        counts = [counted(len(values), self.unit) for values in (self.choose, self.judge)]
        return f"on {counts[0]}, and judged on the other {counts[1]}"


@dataclass(frozen=True)
class Chosen:
    """The cell of a guider that is best on the first half.

    number: its mean there. cells: of how many it was chosen. equal: how many others have the same number.
    """

    guider: str
    cell: Cell
    number: float
    cells: int
    equal: int

    def as_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in ("guider", "number", "cells", "equal")},
            "cell": self.cell.title,
        }

    @property
    def row(self) -> tuple[str, ...]:
        equal = f" ({self.equal} more as good)" if self.equal else ""
        return self.guider, self.cell.title, f"{self.cells}{equal}", f"{self.number:.4f}"


@dataclass(frozen=True)
class Split:
    """What was chosen, and how it compares on the other half: with the baseline's choice, and with its own match."""

    metric: str
    is_lower: bool
    seed: int
    halves: Halves
    chosen: Sequence[Chosen]
    comparisons: Comparisons

    @classmethod
    def of(
        cls,
        experiments: Sequence[Experiment],
        records: Mapping[str, Record],
        metric: str,
        is_lower: bool = False,
        seed: int = 0,
        baseline: str = "cfg",
        matched: str = "effective_scale",
        metrics: Sequence[str] = (),
        pairs: Sequence[str] = OVER,
    ) -> Split:
        """metric: by which settings are chosen. is_lower: take the lowest, as of metrics of which lower is better.
        pairs: what the two pictures of a pair have in common, as `Comparisons.of` has it.

        Raises UserError where there is no such metric, or nothing to split.
        """
        check_pairs(pairs, experiments)
        (metric,), judged = chosen_metrics(records, [metric]), metrics_to_compare(records, metrics, matched)
        found = cells(experiments, records)
        own, others = apart(found, "guider", baseline)
        halves = Halves.of(found, seed)
        _refuse_whole(metric, halves)
        if halves.unit == "seed":
            judged = [name for name in judged if not is_of_groups(name)]
        is_lower = is_lower or higher_is_better(metric) is False
        best = [_best(guider, alike, halves, metric, is_lower) for guider, alike in _families(own, others, baseline)]
        chosen = [one for one in best if one is not None]
        compared = [
            _compared(halves.part(cell, halves.judge), halves.part(other, halves.judge), judged, pairs)
            for cell, other in _opponents(chosen, own, halves, baseline, matched)
        ]
        failed = failures(experiments, records)
        comparisons = Comparisons(baseline, matched, with_corrected_p(compared), pairs=pairs, failed=failed)
        return cls(metric, is_lower, seed, halves, chosen, comparisons)

    def as_json(self) -> dict[str, Any]:
        return {
            "choose": self.metric,
            "lower": self.is_lower,
            "seed": self.seed,
            "split": asdict(self.halves),
            "chosen": [one.as_json() for one in self.chosen],
            **self.comparisons.as_json(),
        }

    @property
    def _head(self) -> tuple[str, ...]:
        return "guider", "chosen", "of cells", self.metric

    def lines(self) -> list[str]:
        """What was chosen and how, then the comparison."""
        best = "lowest" if self.is_lower else "highest"
        table = aligned([self._head, *(one.row for one in self.chosen)])
        told = f"settings are chosen by the {best} {self.metric} {self.halves} (seed {self.seed})"
        return [told, "", *table, "", *self.comparisons.lines()]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        chosen = html_table([one.row for one in self.chosen], head=self._head)
        return chosen + self.comparisons._repr_html_()


def _refuse_whole(metric: str, halves: Halves) -> None:
    """Raises UserError where a number is of pictures of both halves."""
    if is_of_cells(metric):
        hint = "take a metric of single pictures"
        raise UserError("a number of all pictures of a cell together", where="--choose", given=metric, hint=hint)
    if halves.unit == "seed" and is_of_groups(metric):
        hint = "it takes two prompts or labels, or a metric of single pictures"
        raise UserError("a number of all seeds together", where="--choose", given=metric, hint=hint)


def _families(own: Sequence[Cell], others: Sequence[Cell], baseline: str) -> list[tuple[str, list[Cell]]]:
    """The cells among which one is chosen: all of a guider, whatever its parameters, with the same other settings."""
    found: dict[tuple[str, object], list[Cell]] = {}
    for cell, is_own in (*((one, True) for one in own), *((one, False) for one in others)):
        name = cell.example.guider.name
        guider = baseline if is_own else f"{name}, other settings" if name == baseline else name
        found.setdefault((guider, cell.context(GUIDANCE)), []).append(cell)
    return [(guider, alike) for (guider, _), alike in found.items()]


def _best(guider: str, alike: Sequence[Cell], halves: Halves, metric: str, is_lower: bool) -> Chosen | None:
    """None where no picture of the first half was measured."""
    numbers = [(halves.part(cell, halves.choose).numbers(metric), cell) for cell in alike]
    means = [(fmean(found), cell) for found, cell in numbers if found]
    if not means:
        return None
    number, cell = (min if is_lower else max)(means, key=lambda one: one[0])
    equal = sum(one == number for one, _ in means) - 1
    return Chosen(guider, cell, number, len(means), equal)


def _opponents(
    chosen: Sequence[Chosen], own: Sequence[Cell], halves: Halves, baseline: str, matched: str
) -> Iterator[tuple[Cell, Cell]]:
    """Each choice with that of the baseline, and with its match by the first half where that is another cell."""
    of_baseline = {one.cell.context(GUIDANCE): one.cell for one in chosen if one.guider == baseline}
    parts = [halves.part(cell, halves.choose) for cell in own]
    whole = dict(zip(map(id, parts), own, strict=True))
    for one in chosen:
        if one.guider == baseline:
            continue
        match = match_of(halves.part(one.cell, halves.choose), parts, matched)
        best = of_baseline.get(one.cell.context(GUIDANCE))
        others = [best, whole[id(match)] if match is not None else None]
        yield from (
            (one.cell, other)
            for n, other in enumerate(others)
            if other is not None and all(other is not earlier for earlier in others[:n])
        )


def _compared(cell: Cell, match: Cell, metrics: Sequence[str], pairs: Sequence[str]) -> Comparison:
    return Comparison.of(
        cell, match, metrics, pairs, f"fewer than {LEAST_PAIRS} independent pairs in the half to judge by"
    )
