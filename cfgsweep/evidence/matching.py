"""For every cell of a guider the cell of plain guidance that it is compared with: at the same effective scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.reports.measure import OVER
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.experiment import Experiment

STRENGTH = ("guider", "schedule", "value")  # what guidance is; the other settings of two cells that match are equal
TOLERANCE = 0.05  # of the effective scale, or of 1 where that is larger
MATCHED = ("effective_scale", "value")

Pair = tuple[object, ...]  # the prompt, label and seed of a picture


@dataclass(frozen=True)
class Cell:
    """The finished pictures that have all settings in common but prompt, label and seed.

    records: by their prompt, label and seed. example: one of the experiments.
    """

    example: Experiment
    records: Mapping[Pair, DoneRecord]

    @property
    def effective_scale(self) -> float | None:
        """The mean over all pictures; None where it is not defined, or was not kept."""
        scales = [record.effective_scale for record in self.records.values()]
        known = [scale for scale in scales if scale is not None]
        return fmean(known) if known else None

    @property
    def context(self) -> tuple[object, ...]:
        """The settings beside guidance, prompt, label and seed."""
        return tuple(getattr(self.example, name) for name in AXES if name not in (*STRENGTH, *OVER))

    @property
    def title(self) -> str:
        e = self.example
        schedule = "" if e.schedule.title() == "constant" else f" {e.schedule.title()}"
        return e.guider.title() + schedule + ("" if e.value is None else f" {e.value:.5g}")


def cells(experiments: Sequence[Experiment], records: Mapping[str, Record]) -> list[Cell]:
    """The cells that have pictures, in the order of the experiments."""
    fields = [name for name in AXES if name not in OVER]
    found: dict[tuple[object, ...], tuple[Experiment, dict[Pair, DoneRecord]]] = {}
    for e in experiments:
        record = records.get(e.id)
        if isinstance(record, DoneRecord):
            _, pairs = found.setdefault(tuple(getattr(e, name) for name in fields), (e, {}))
            pairs[tuple(getattr(e, name) for name in OVER)] = record
    return [Cell(example, pairs) for example, pairs in found.values()]


def baseline_of(found: Iterable[Cell], baseline: str) -> tuple[list[Cell], list[Cell]]:
    """The cells of the baseline, and the others. baseline: a guider as titles name it, such as `cfg`.

    Raises UserError where there is none of either.
    """
    own: list[Cell] = []
    others: list[Cell] = []
    for cell in found:
        (own if cell.example.guider.title() == baseline else others).append(cell)
    if not own:
        titles = dict.fromkeys(cell.example.guider.title() for cell in others)
        raise unknown_name("guider of this run's pictures", baseline, titles, "--baseline")
    if not others:
        raise UserError("this run has pictures of the baseline alone", where="--baseline", given=baseline)
    return own, others


def nearest(cell: Cell, baseline: Sequence[Cell], matched: str) -> Cell | None:
    """The cell of the baseline that matches best; None where there is none with the other settings of the cell."""
    alike = [other for other in baseline if other.context == cell.context]
    if matched == "value":
        strength = cell.example.value, cell.example.schedule
        return next((o for o in alike if (o.example.value, o.example.schedule) == strength), None)
    wanted = cell.effective_scale
    known = [(abs(scale - wanted), o) for o in alike if wanted is not None and (scale := o.effective_scale) is not None]
    return min(known, key=lambda one: one[0])[1] if known else None


def is_as_strong(cell: Cell, other: Cell) -> bool:
    """Whether the effective scales of both are equal, within TOLERANCE."""
    a, b = cell.effective_scale, other.effective_scale
    return a is not None and b is not None and abs(a - b) <= TOLERANCE * max(1.0, abs(a))
