"""The table of a run: which rows it has, in which form, and the file that it is written into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.reports.mean_rows import mean_rows
from cfgsweep.reports.measured import measured_metrics
from cfgsweep.reports.record_rows import rows_of, settings_rows
from cfgsweep.reports.table_forms import FOR_PROGRAMS, FORMS, PARQUET, SUFFIXES, Rows
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import varying
from cfgsweep.system.files import make_folder, open_atomic


def table(
    run: RunFolder, experiments: Sequence[Experiment], metrics: Sequence[str], form: str, each: bool
) -> str | bytes:
    """The table of a run as a text, or as Parquet.

    Means of the metrics over seeds, labels and prompts; a row for each picture with `each`, or where nothing was
    measured. Programs get all fields of the records, people those that vary.

    metrics: those of the sweep; others that are in the records follow them.
    Raises UserError where there is no such form, or no picture was tried yet.
    """
    if form not in FORMS:
        raise unknown_name("form of table", form, FORMS, "form")
    records = run.records_of(experiments)
    tried = [(e, records[e.id]) for e in experiments if e.id in records]
    if not tried:
        raise UserError("no picture is done yet, and there is nothing to put into a table", where=str(run.folder))
    measured = measured_metrics(record for _, record in tried)
    names = [*(name for name in metrics if name in measured), *(name for name in measured if name not in metrics)]
    if names and not each:
        rows: Rows = mean_rows(run, experiments, names)
    else:
        rows = rows_of(tried) if form in FOR_PROGRAMS else _short_rows(tried)
    content = FORMS[form](rows)
    return content if form == PARQUET else content.decode()


def _short_rows(tried: Sequence[tuple[Experiment, Record]]) -> Rows:
    """The settings that vary, the metrics, and the picture's file or why there is none."""
    fields = varying([e for e, _ in tried])
    settings = settings_rows([{field: e.value_of(field) for field in fields} for e, _ in tried])
    return [row | _outcome(record) for row, (_, record) in zip(settings, tried, strict=True)]


def _outcome(record: Record) -> dict[str, object]:
    if isinstance(record, DoneRecord):
        return {**record.metrics, "image": record.image}
    return {"image": f"failed: {record.reason}"}


def form_of(form: str | None, out: Path | None) -> str:
    """The form that is asked for, or that of the file's name, or text. Raises UserError where it is none of them."""
    if out is None:
        return form or "text"
    found = SUFFIXES.get(out.suffix.lower())
    if form is None and found is None:
        raise UserError("the form of the table is not known", where="--out", given=str(out), allowed=SUFFIXES)
    return form or str(found)


def write_table(content: str | bytes, path: Path, overwrite: bool) -> None:
    """Write a table. Raises UserError where a file with another content is there, unless it is to be overwritten."""
    encoded = content.encode() if isinstance(content, str) else content
    if path.exists() and not overwrite and (not path.is_file() or path.read_bytes() != encoded):
        hint = "name another file, or give --overwrite"
        raise UserError("there is another file of this name", where=str(path), hint=hint)
    make_folder(path.parent)
    with open_atomic(path) as file:
        file.write(encoded)
