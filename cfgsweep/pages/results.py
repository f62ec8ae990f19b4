"""What a page has of cells that were tried: pictures, colours, reasons, and the fields of records, in columns."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from cfgsweep.engine.diagnostics import OF_RECORDS
from cfgsweep.pages.columns import column, columns_of
from cfgsweep.pages.numbers import finite
from cfgsweep.pages.thumbs import Colours, thumb_name
from cfgsweep.reports.record_rows import Columns, rows_of
from cfgsweep.storage.records import DoneRecord, FailedRecord, Record
from cfgsweep.sweep.experiment import Experiment

# Fields that the other columns have, or that name a picture; details have them all.
LEFT_OUT = ("id", "title", "status", "reason", "image", "pixels_sha256")
MEASURED_DIGITS = 5
NOT_WHOLE = "its picture is missing or damaged: the next `cfgsweep run` makes it again"

Cell = tuple[int, Experiment, Record]  # its number in the plan


def results_of(
    cells: Sequence[Cell], colours: Colours, columns: Columns, axes: Iterable[str], details: str
) -> dict[str, Any]:
    """What is known of these cells.

    colours: by thumbnails, of the pictures that are whole. columns: of parameters. axes: those of the plan, which are
    not repeated as fields. details: the file with these.
    """
    left_out = {*LEFT_OUT, *axes}
    thumbs = [_thumb(record, colours) for _, _, record in cells]
    return {
        "at": [number for number, _, _ in cells],
        "thumb": column(thumbs),
        "colour": column([None if name is None else colours[name] for name in thumbs]),
        "reason": column([_reason(record, name) for (_, _, record), name in zip(cells, thumbs, strict=True)]),
        "fields": columns_of([_fields(row, left_out) for row in _rows(cells, columns)]),
        "details": details,
    }


def _thumb(record: Record, colours: Colours) -> str | None:
    name = thumb_name(record) if isinstance(record, DoneRecord) else None
    return name if name in colours else None


def _reason(record: Record, thumb: str | None) -> str | None:
    if isinstance(record, FailedRecord):
        return record.reason
    return NOT_WHOLE if thumb is None else None


def _rows(cells: Sequence[Cell], columns: Columns) -> list[dict[str, Any]]:
    """The rows of `cfgsweep table --each`. Measured numbers have five digits; details have all."""
    rows = rows_of([(e, record) for _, e, record in cells], columns)
    for row, (_, _, record) in zip(rows, cells, strict=True):
        names = (*record.metrics, *OF_RECORDS) if isinstance(record, DoneRecord) else ()
        row |= {name: finite(row[name], MEASURED_DIGITS) for name in names if name in row}
    return rows


def _fields(row: Mapping[str, Any], left_out: Container[str]) -> dict[str, Any]:
    return {name: finite(value) for name, value in row.items() if name not in left_out}
