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
from cfgsweep.evidence.matching import ByEffectiveScale, Way, alike, way_called
from cfgsweep.guidance.schedules import Constant
from cfgsweep.reports.measured import measured_metrics
from cfgsweep.storage.records import Record
from cfgsweep.sweep.compare_settings import EVALUATIONS, MATCHED, VALUE, CompareSettings
from cfgsweep.sweep.experiment import Experiment

MOST_WAVES = 8  # of a search for the value at which a metric, or the strength, has a level; other controls take one
AS_STRONG = 0.02  # how near such a search comes to an effective scale, as a share


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

    known: controls of earlier calls, whose records tell a search how far it is. They get none.
    """
    found = cells([*experiments, *known], records)
    of_record = {records[e.id].id: e for e in experiments if e.id in records}
    controls: dict[Experiment, Control] = {}
    for cell in cells(experiments, records):
        changed = None if is_baseline(cell.example, settings) else _settings(cell, found, settings)
        if changed is not None:
            for record in cell.records.values():
                e = of_record[record.id]  # with the variables of its prompt, by which metrics of groups take pictures
                control = _plain(e, settings, **changed)
                controls.setdefault(control, Control(control, e.id))
    own = set(experiments)
    return [control for e, control in controls.items() if e not in own]


def is_baseline(e: Experiment, settings: CompareSettings) -> bool:
    return e.schedule == Constant() and e.guider == settings.baseline


def most_controls(settings: CompareSettings, experiments: Sequence[Experiment]) -> tuple[int, int]:
    """How many controls there can be, and the evaluations that they take, before it is known what they match.

    There are fewer where two cells match the same settings, and evaluations are shared.
    """
    others = [e for e in experiments if not is_baseline(e, settings)]
    is_known = settings.matched == VALUE or (settings.matched in MATCHED and settings.baseline_is_plain)
    waves = 1 if is_known else MOST_WAVES
    alike = settings.matched == EVALUATIONS
    taken = cost(others if alike else [_plain(e, settings) for e in others]).unshared
    return len(others) * waves, taken * waves


def _plain(e: Experiment, settings: CompareSettings, **changed: Any) -> Experiment:
    """The experiment with the baseline in the place of its guidance."""
    return replace(e, guider=settings.baseline, schedule=Constant(), noise_levels=(), **changed)


def _settings(cell: Cell, found: Sequence[Cell], settings: CompareSettings) -> dict[str, Any] | None:
    """The value of a cell's controls, and their steps where these are others; None where it needs none."""
    if settings.matched == VALUE:
        return {"value": cell.example.value}
    scale, usual = cell.effective_scale, settings.baseline.default_scale
    value = None if scale is None else float(f"{scale:.4g}")
    changed: dict[str, Any] = {}
    if settings.matched == EVALUATIONS:
        value = usual if value is None else value
        changed = {"steps": _steps(cell, settings, value)}
    way = _searched(cell, settings)
    if way is not None:
        twin = replace(cell, example=replace(cell.example, **changed))
        own = alike(twin, [other for other in found if is_baseline(other.example, settings)], way.free)
        value = next_value(cell, own, way, start=value if value and value > 0 else usual)
    return None if value is None else {"value": value, **changed}


def _searched(cell: Cell, settings: CompareSettings) -> Way | None:
    """What the value of a cell's controls is searched by; None where it is the cell's effective scale itself.

    It is for plain guidance alone: of another baseline, only pictures tell how strong it is at a value.
    """
    if settings.matched not in MATCHED:
        return way_called(settings.matched, measured_metrics(cell.records.values()))
    is_known = settings.baseline_is_plain or cell.effective_scale is None
    return None if is_known else ByEffectiveScale(AS_STRONG)


def _steps(cell: Cell, settings: CompareSettings, value: float) -> int:
    """How many steps of the baseline take as many evaluations as the cell's pictures."""
    e = _plain(cell.example, settings, value=value)
    own = cost([e]).evaluations
    return min(1000, max(1, round(e.steps * (cell.evaluations or own) / own)))
