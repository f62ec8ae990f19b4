"""The columns of a file of texts as the values of axes and variables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from cfgsweep.config import yaml_io
from cfgsweep.config.base_folder import base_folder
from cfgsweep.config.parameters import Number
from cfgsweep.errors import UserError, error_key, shorten, unknown_name
from cfgsweep.sweep.axes import AXES, TEXTS
from cfgsweep.sweep.exclude import field_matches
from cfgsweep.sweep.fields import Seed, Steps
from cfgsweep.sweep.text_file import COLUMN, FILE, SAMPLE, WHERE, WITH, TextFile
from cfgsweep.sweep.text_tables import LINES, Row, Table, read_table
from cfgsweep.sweep.variables import LONGEST, VARIABLE
from cfgsweep.system.files import is_utf8

MOST_ROWS = 20_000
KINDS: dict[str, TypeAdapter[Any]] = {
    "seed": TypeAdapter(Seed),
    "steps": TypeAdapter(Steps),
    "value": TypeAdapter(Number),
}

Values = tuple[Any, ...]


def columns_of(given: Mapping[str, Any], axis: str, axes: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The values of an axis, or of a variable, in a file; of further axes and variables, too, where it has them.

    axes: those that further columns can be of; none where the axis stands alone.
    Rows that are equal count once. Raises UserError where the file is not as it should be.
    """
    spec = TextFile.parse(given)
    with error_key(FILE):
        table = read_table((base_folder() / spec.file).expanduser())
        own = _own_column(table, axis, spec.column)
        names = {axis: own, **_further(table, spec, {axis, own}, axes)}
        distinct: dict[Any, tuple[int, Values]] = {}
        for position, row in _chosen(table, spec):
            values = tuple(_value(table, row, column, name) for name, column in names.items())
            distinct.setdefault(_hashable(values), (position, values))
            if spec.sample is None and len(distinct) > MOST_ROWS:
                raise _too_many(table)
        if not distinct:
            raise UserError("the table has no rows", given=str(table.path))
        kept = _sample(list(distinct.values()), spec)
        if len(kept) > MOST_ROWS:
            raise _too_many(table)
    return {name: [values[place] for _, values in kept] for place, name in enumerate(names)}


def _too_many(table: Table) -> UserError:
    hint = "sample: 1000 draws so many of them; where: {column: value} chooses some"
    return UserError("too many rows", given=str(table.path), allowed=f"at most {MOST_ROWS:,}", hint=hint)


def _own_column(table: Table, axis: str, column: str | None) -> str:
    """The column of the axis: the one that is named, or that has the axis's name, in any case and also with an s."""
    if column is not None:
        if column not in table.columns:
            raise unknown_name("column", column, map(shorten, table.columns[:20])).at_key(COLUMN)
        return column
    alike = [name for name in table.columns if name.lower() in (axis.lower(), f"{axis.lower()}s")]
    if LINES in table.columns and len(table.columns) == 1:
        return LINES
    if axis in alike or len(alike) == 1:
        return axis if axis in alike else alike[0]
    error = unknown_name("column", axis, map(shorten, table.columns[:20]))
    error.problem, error.given = f"there is no column {axis!r}", str(table.path)
    error.hint = "; ".join(filter(None, ["`column` names the one to take", error.hint]))
    raise error


def _further(table: Table, spec: TextFile, taken: set[str], axes: Sequence[str]) -> dict[str, str]:
    if spec.more is None:
        return {name: name for name in table.columns if name in axes and name not in taken}
    if spec.more and not axes:
        raise UserError("no further columns go with this axis", given=spec.more).at_key(WITH)
    for name in spec.more:
        if name not in table.columns:
            raise unknown_name("column", name, map(shorten, table.columns[:20])).at_key(WITH)
        if name not in axes and not VARIABLE.fullmatch(name):
            allowed = "letters, digits and underscores, no digit at the beginning"
            raise UserError("not the name of a variable", given=name, allowed=allowed).at_key(WITH)
    return {name: name for name in spec.more if name not in taken}


def _chosen(table: Table, spec: TextFile) -> Iterator[tuple[int, Row]]:
    """The rows for which the conditions hold, with their positions. Raises UserError where there is none."""
    for column in spec.where:
        if column not in table.columns:
            raise unknown_name("column", str(column), map(shorten, table.columns[:20])).at_key(WHERE)
    seen, any_left = dict[str, None](), False
    for position, row in enumerate(table.rows):
        with error_key(WHERE):
            if all(_holds(row.cells.get(column), wanted) for column, wanted in spec.where.items()):
                any_left = True
                yield position, row
        if spec.where and len(seen) < 1000:
            seen |= {value: None for column in spec.where if isinstance(value := row.cells.get(column), str)}
    if spec.where and not any_left:
        wanted = next(iter(spec.where.values()))
        hint = unknown_name("value", str(wanted), seen).hint
        raise UserError("no row is like this", given=dict(spec.where), hint=hint).at_key(WHERE)


def _holds(cell: Any, wanted: Any) -> bool:
    """Does a condition hold, for the cell as a text or as a number?"""
    if field_matches(cell, wanted):
        return True
    with suppress(ValueError, OverflowError):
        return isinstance(cell, str) and field_matches(float(cell), wanted)
    return False


def _value(table: Table, row: Row, column: str, name: str) -> Any:
    """A cell as the value of an axis or a variable. Raises UserError, with the line, where it is none."""
    where = table.where(row)
    if column not in row.cells:
        raise UserError(f"there is no {column!r}", where=where, allowed="the same columns in all rows")
    cell = row.cells[column]
    if cell in ("", None):
        if name == "negative_prompt":
            return cell
        raise UserError(f"an empty cell in the column {column!r}", where=where)
    if isinstance(cell, str):
        return _of_its_kind(_value_of_text(cell, name, where, table.typed), name, column, where)
    if name in TEXTS or (name not in AXES and not isinstance(cell, int | float)):
        raise UserError("not a text", where=where, given=cell)
    return _of_its_kind(cell, name, column, where)


def _of_its_kind(value: Any, name: str, column: str, where: str) -> Any:
    """The value. Raises UserError, with the line, where the axis is one of numbers, and it is none of its numbers."""
    if name in KINDS and not isinstance(value, list | dict):
        try:
            KINDS[name].validate_python(value)
        except ValidationError as invalid:
            error = yaml_io.explain(invalid, BaseModel, lambda _: where)
            error.problem = f"{error.problem}, in the column {column!r}"
            raise error from None
    return value


def _value_of_text(cell: str, name: str, where: str, typed: bool) -> Any:
    """typed: the file tells numbers from texts. Otherwise numbers of axes are read as YAML has them."""
    if len(cell) > LONGEST or not is_utf8(cell):
        problem = "too long a text" if len(cell) > LONGEST else "not a text: half a surrogate pair"
        raise UserError(problem, where=where, given=cell[:100], allowed=f"at most {LONGEST} characters")
    if typed or name in TEXTS or name not in AXES:
        return cell
    if name == "label":
        return int(cell) if cell.isdecimal() and len(cell) < 20 else cell
    return yaml_io.given_value(cell, where)


def _hashable(values: Values) -> Any:
    return repr(values) if any(isinstance(one, list | dict) for one in values) else values


def _sample(rows: list[tuple[int, Values]], spec: TextFile) -> list[tuple[int, Values]]:
    """The rows whose positions have the smallest hashes, in the order of the file: the same on every machine.

    A larger sample of the same seed contains a smaller one.
    """
    if spec.sample is None:
        return rows
    if spec.sample > len(rows):
        raise UserError("there are not so many rows", given=spec.sample, allowed=f"at most {len(rows)}").at_key(SAMPLE)
    drawn = sorted(rows, key=lambda row: _hash(spec.seed, row[0]))[: spec.sample]
    return sorted(drawn, key=lambda row: row[0])


def _hash(seed: int, position: int) -> bytes:
    return hashlib.sha256(f"{seed} {position}".encode()).digest()
