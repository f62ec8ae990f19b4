"""Controls: pictures of plain guidance that are added to a run, to compare every cell of another guider with.

Which ones are missing follows from the records of the run, so that an interrupted run goes on with the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cfgsweep.engine.cost import cost
from cfgsweep.evidence.cells import Cell, cells
from cfgsweep.evidence.level_search import next_value
from cfgsweep.evidence.matching import ByMetric, alike, metrics_of, way_called
from cfgsweep.guidance.schedules import Constant
from cfgsweep.storage.records import Record
from cfgsweep.sweep.compare_settings import EVALUATIONS, MATCHED, VALUE, CompareSettings
from cfgsweep.sweep.experiment import Experiment

MOST_WAVES = 8  # of a search for the scale at which a metric has a level; other controls take one


@dataclass(frozen=True)
class Control:
    """experiment: of the baseline. of: the id of the one that it is compared with."""

    experiment: Experiment
    of: str


def wanted(
    settings: CompareSettings,
    experiments: Sequence[Experiment],
    known: Sequence[Experiment],
    records: Mapping[str, Record],
) -> list[Control]:
    """The controls of all cells that have pictures, without those that are among the experiments.

    known: controls of earlier calls, whose records tell a search for a metric's level how far it is. They get none.
    """
    found = cells([*experiments, *known], records)
    of_record = {records[e.id].id: e for e in experiments if e.id in records}
    controls: dict[Experiment, Control] = {}
    for cell in cells(experiments, records):
        changed = None if is_baseline(cell.example, settings) else _settings(cell, found, settings)
        if changed is not None:
            for record in cell.records.values():
                own = of_record[record.id]  # with the variables of its prompt, by which metrics of groups take pictures
                control = _plain(own, settings, **changed)
                controls.setdefault(control, Control(control, own.id))
    return [one for e, one in controls.items() if e not in set(experiments)]


def is_baseline(e: Experiment, settings: CompareSettings) -> bool:
    return e.schedule == Constant() and e.guider == settings.baseline


def most_controls(settings: CompareSettings, experiments: Sequence[Experiment]) -> tuple[int, int]:
    """How many controls there can be, and the evaluations that they take, before it is known what they match.

    There are fewer where two cells match the same settings, and evaluations are shared.
    """
    others = [e for e in experiments if not is_baseline(e, settings)]
    waves = 1 if settings.matched in MATCHED else MOST_WAVES
    alike = settings.matched == EVALUATIONS
    taken = cost(others if alike else [_plain(e, settings) for e in others]).unshared
    return len(others) * waves, taken * waves


def _plain(e: Experiment, settings: CompareSettings, **changed: Any) -> Experiment:
    """The experiment with the baseline in the place of its guidance."""
    return replace(e, guider=settings.baseline, schedule=Constant(), noise_levels=(), **changed)


def _settings(cell: Cell, found: Sequence[Cell], settings: CompareSettings) -> dict[str, Any] | None:
    """The value of a cell's controls, and their steps where these are others; None where it needs none."""
    scale = None if cell.effective_scale is None else float(f"{cell.effective_scale:.4g}")
    way = way_called(settings.matched, metrics_of([cell]))
    if settings.matched == VALUE:
        return {"value": cell.example.value}
    if settings.matched == EVALUATIONS:
        value = settings.baseline.default_scale if scale is None else scale
        return {"value": value, "steps": _steps(cell, settings, value)}
    if isinstance(way, ByMetric):
        own = [other for other in alike(cell, found, way.free) if is_baseline(other.example, settings)]
        value = next_value(cell, own, way, start=scale if scale and scale > 0 else settings.baseline.default_scale)
        return None if value is None else {"value": value}
    return None if scale is None else {"value": scale}


def _steps(cell: Cell, settings: CompareSettings, value: float) -> int:
    """How many steps of the baseline take as many evaluations as the cell's pictures."""
    e = _plain(cell.example, settings, value=value)
    own = cost([e]).evaluations
    return min(1000, max(1, round(e.steps * (cell.evaluations or own) / own)))
