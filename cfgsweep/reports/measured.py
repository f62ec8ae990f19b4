"""Which metrics pictures have."""

from __future__ import annotations

from collections.abc import Iterable

from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.schema import Sweep


def metric_names(sweep: Sweep, records: Iterable[Record]) -> list[str]:
    """The names of the metrics, as records have them: those of the sweep, then others that were measured."""
    return list(dict.fromkeys([*(spec.key for spec in sweep.metrics), *measured_metrics(records)]))


def measured_metrics(records: Iterable[Record]) -> list[str]:
    """The names of the metrics that were measured of one of the pictures or more."""
    found = (name for record in records if isinstance(record, DoneRecord) for name in record.metrics)
    return list(dict.fromkeys(found))
