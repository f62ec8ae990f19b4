"""A schedule from a file: `schedule: {file: scales.csv, column: g}`, one number per step."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from cfgsweep.config.base_folder import base_folder
from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError, shorten, unknown_name
from cfgsweep.guidance.schedules.stepwise import Listed
from cfgsweep.system.input_files import content_of, is_path, separator_of
from cfgsweep.system.machine_errors import is_regular

MOST_BYTES = 2**20


class FromFile(Listed):
    """The numbers of a column of a CSV file, one per step, multiplied by the value where the sweep gives one.

    The first line may have the columns' names; without it, a column is named by its number, from 1 on. The numbers, and
    not the file's path, decide ids, and records have them.
    """

    name = "file"
    formula = "numbers[step] value"
    shorthand = "path"
    path: str = Field(min_length=1, description="of the CSV file, from the folder of the sweep file")
    column: str | None = Field(None, description="its name, or its number from 1 on; not needed where there is one")
    numbers: tuple[float, ...] = Field((), description="read from the file where they are not given")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("numbers") or not isinstance(given.get("path"), str):
            return given
        name, column = given["path"], given.get("column")
        if not is_path(name):
            raise UserError("not the path of a file", given=name)
        path = (base_folder() / name).expanduser()
        column = str(column) if isinstance(column, int) and not isinstance(column, bool) else column
        numbers = read_column(path, column) if column is None or isinstance(column, str) else ()
        return {**given, "path": str(path), "column": column, "numbers": numbers}

    @model_validator(mode="after")
    def _has_finite_numbers(self) -> Self:
        if not self.numbers or not all(map(math.isfinite, self.numbers)):
            raise UserError("not the numbers of a schedule", given=self.path)
        return self

    @classmethod
    def example(cls, steps: int) -> Self:
        return cls(path="scales.csv", numbers=tuple(1 - step / steps for step in range(steps)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FromFile) and self.id_settings() == other.id_settings()

    __hash__ = Parameters.__hash__

    def values_by_name(self) -> dict[str, Any]:
        """Without the path and the column, which decide nothing: they are in `spec` and `title` alone."""
        return {key: one for key, one in super().values_by_name().items() if key not in ("path", "column")}

    def title(self) -> str:
        return " ".join(filter(None, [self.name, Path(self.path).stem, self.column and f"column={self.column}"]))

    def spec(self) -> str | dict[str, Any]:
        """With the file's name and with the numbers, so that the file is not needed again."""
        return self.spec_at(Path(self.path).name, with_numbers=True)

    def spec_at(self, path: str, with_numbers: bool = False) -> dict[str, Any]:
        """As a sweep file has it that finds the file under this path."""
        column = {} if self.column is None else {"column": self.column}
        rest = {key: one for key, one in self.shown_values().items() if key != "numbers"}
        numbers = {"numbers": list(self.numbers)} if with_numbers else {}
        return {self.name: {"path": path, **column, **numbers, **rest}}

    def sha256(self) -> str | None:
        """Of the file; None where it is gone. Raises UserError where it has other numbers than it had when read."""
        if not is_regular(Path(self.path)):
            return None
        content = content_of(Path(self.path), MOST_BYTES)
        if _column(content, self.path, self.column) != self.numbers:
            raise UserError("the file has changed since this command began", given=self.path)
        return hashlib.sha256(content).hexdigest()


def read_column(path: Path, column: str | None) -> tuple[float, ...]:
    """The numbers of a column. Raises UserError, with the line, where a cell is none."""
    return _column(content_of(path, MOST_BYTES), str(path), column)


def _column(content: bytes, path: str, column: str | None) -> tuple[float, ...]:
    rows = _rows(content, path)
    header = [] if all(map(_is_number, rows[0][1])) else [cell.strip() for cell in rows[0][1]]
    place = _place(header, len(rows[0][1]), column, path)
    found = [_number(row, place, f"{path}:{line}") for line, row in rows[bool(header) :]]
    if not found:
        raise UserError("there are no numbers in the file", given=path)
    return tuple(found)


def _rows(content: bytes, path: str) -> list[tuple[int, list[str]]]:
    """The rows with something in them, with the numbers of their lines."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
        first = next((line for line in lines if line.strip()), "")
        reader = csv.reader(lines, delimiter=separator_of(first))
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"not a CSV file: {shorten(str(error))}", given=path) from None
    if not rows:
        raise UserError("the file is empty", given=path)
    return rows


def _place(header: Sequence[str], width: int, column: str | None, path: str) -> int:
    """The column's place, from 0 on."""
    names = [*header] or [str(place + 1) for place in range(width)]
    if column is None:
        if width > 1:
            hint = f"{{file: {Path(path).name}, column: {shorten(names[0], 40)}}}"
            raise UserError("the file has several columns", given=path, allowed=map(shorten, names[:20]), hint=hint)
        return 0
    if column in names:
        return names.index(column)
    if column.isdecimal() and 1 <= int(column[:9]) <= width:
        return int(column) - 1
    raise unknown_name("column", column, map(shorten, names[:20]), path)


def _number(row: Sequence[str], place: int, where: str) -> float:
    cell = row[place] if place < len(row) else ""
    if not _is_number(cell):
        raise UserError("not a number", where=where, given=cell)
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
