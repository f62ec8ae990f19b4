"""Which metrics a run has."""

from __future__ import annotations

from collections.abc import Iterable

from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.schema import Sweep


def metric_names(sweep: Sweep, records: Iterable[Record]) -> list[str]:
    """The names of the metrics, as records have them: those of the sweep, then others that were measured."""
    measured = (name for record in records if isinstance(record, DoneRecord) for name in record.metrics)
    return list(dict.fromkeys([*(spec.key for spec in sweep.metrics), *measured]))
