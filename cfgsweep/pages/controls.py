"""What the cells of a page are to be compared with: the baseline's picture that matches, such as plain guidance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cfgsweep.evidence.cells import Cell, cells
from cfgsweep.evidence.controls import is_baseline
from cfgsweep.evidence.matching import match_of, way_called
from cfgsweep.evidence.pairs import partners
from cfgsweep.reports.measured import measured_metrics
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.compare_settings import MATCHED, CompareSettings
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True)
class Control:
    """A picture of the baseline, and its settings in words: `cfg 2.31`."""

    record: DoneRecord
    title: str


def controls_by_id(
    settings: CompareSettings, experiments: Sequence[Experiment], records: Mapping[str, Record]
) -> dict[str, Control]:
    """By the ids of the records of other pictures, the one of the baseline with the same seed, label and prompt.

    Pictures that nothing matches have none. experiments: also the controls that `compare` added to the sweep.
    records: by the experiments' ids.
    """
    found = cells(experiments, records)
    metrics = measured_metrics(records.values())
    if settings.matched not in (*MATCHED, *metrics):
        return {}  # a metric that is not measured yet
    free = way_called(settings.matched, metrics).free
    baseline: dict[tuple[object, ...], list[Cell]] = {}  # apart by their other settings, since there can be many
    others: list[Cell] = []
    for cell in found:
        (baseline.setdefault(cell.context(free), []) if is_baseline(cell.example, settings) else others).append(cell)
    matches = ((cell, match_of(cell, baseline.get(cell.context(free), ()), settings.matched)) for cell in others)
    return dict(pair for cell, match in matches if match is not None for pair in _pairs(cell, match))


def _pairs(cell: Cell, match: Cell) -> Iterator[tuple[str, Control]]:
    return ((own.id, Control(other, match.title)) for _, own, other in partners(cell, match))
