"""Records and settings as the rows of a flat table, in which parameters have columns of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cfgsweep.config.parameters import Parameters, compact
from cfgsweep.storage.records import Record
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label

Columns = dict[str, list[str]]  # of `guider` and `schedule`: the parameters that have columns of their own

PARTS = ("guider", "schedule")
# Fields of records that are mappings, and the prefix of their columns.
NESTED = {
    **{"evaluations": "evaluations.", "metrics": "", "fingerprints": "fingerprint.", "code": "code."},
    **{"versions": "version."},
    **{"input_image": "input_image.", "mask": "mask.", "fork": "fork.", "start": "start."},
}


def part_columns(experiments: Iterable[Experiment]) -> Columns:
    """The parameters of guiders and of schedules that are not at their default in some of these."""
    experiments = list(experiments)
    return {part: _changed(getattr(e, part) for e in experiments) for part in PARTS}


def rows_of(results: Sequence[tuple[Experiment, Record]], columns: Columns | None = None) -> list[dict[str, Any]]:
    """One row for every record, in the same order.

    guider and schedule are names. A parameter has a column of its own ("guider.start") if it is not at its default in
    one of these experiments; the others that have this parameter then show its default. columns: the same, decided by
    more experiments than these.
    """
    columns = part_columns(e for e, _ in results) if columns is None else columns
    rows = []
    for e, record in results:
        row: dict[str, Any] = {}
        for field, value in record.as_json().items():
            if field in PARTS:
                row |= _part(field, getattr(e, field), columns[field])
            elif field in NESTED:
                row |= {f"{NESTED[field]}{key}": inner for key, inner in value.items()}
            else:
                row[field] = value
        rows.append({**{name: value for name, value in e.vars if name not in row}, **row})
    return rows


def settings_rows(settings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for every mapping from names of settings to their values, all of the same names.

    guider and schedule as in `rows_of`; values that are neither numbers nor texts are in words, as in titles.
    """
    columns = {part: _changed(one[part] for one in settings if part in one) for part in PARTS}
    rows = []
    for one in settings:
        row: dict[str, Any] = {}
        for field, value in one.items():
            if field in PARTS:
                row |= _part(field, value, columns[field])
            elif isinstance(value, bool | int | float | str):
                row[field] = value
            else:
                row[field] = axis_label(field, value).removeprefix(f"{field} ")
        rows.append(row)
    return rows


def _changed(found: Iterable[Parameters]) -> list[str]:
    """The parameters that differ from their default in some of these."""
    names: dict[str, None] = {}
    for one in dict.fromkeys(found):
        fields = type(one).model_fields
        names |= dict.fromkeys(name for name in fields if getattr(one, name) != fields[name].default)
    return list(names)


def _part(part: str, found: Parameters, names: Sequence[str]) -> dict[str, Any]:
    own = [name for name in names if name in type(found).model_fields]
    return {part: found.name} | {f"{part}.{name}": _flat(getattr(found, name)) for name in own}


def _flat(value: Any) -> Any:
    """A number, a text, true or false as it is; anything else in words."""
    return value if value is None or isinstance(value, bool | int | float | str) else compact(value)
