"""Tables of texts: one text a line, CSV, TSV, JSON lines and Parquet. Rows are read as they are asked for."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError, shorten
from cfgsweep.system.input_files import content_of, separator_of, unique_keys

MOST_BYTES = 2**26
NUL = "\0"
LINES = ""  # the name of the one column of a file that has a text on every line
QUOTED = re.compile(r'"(?:[^"]|"")*"')

Cells = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """number: of its line, or of itself in a Parquet file, from 1 on."""

    number: int
    cells: Cells


@dataclass(frozen=True)
class Table:
    """A file with its columns; of JSON lines those of the first line. typed: whether numbers are told from texts."""

    path: Path
    columns: Sequence[str]
    rows: Iterator[Row]
    typed: bool = False

    def where(self, row: Row) -> str:
        """The place of a row for messages."""
        return f"{self.path}:{row.number}"


def read_table(path: Path) -> Table:
    """The table in a file. Raises UserError, also while rows are read, where it is none, with the line."""
    ending = path.suffix.lower()
    if ending not in READERS:
        allowed = f"a name that ends in {', '.join(READERS)}"
        raise UserError("not a file of texts", given=str(path), allowed=allowed)
    return READERS[ending](path)


def _lines(path: Path) -> Table:
    return Table(path, [LINES], (Row(number, {LINES: line.strip()}) for number, line in _whole_lines(path)))


def _separated(path: Path) -> Table:
    text = _text(path)
    separator = separator_of(text.partition("\n")[0])
    rows = _checked(path, _csv_rows(path, text, separator))
    _, header = next(rows)
    return _with_header(path, header, rows)


def _csv_rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the numbers of their first lines. Cells in quotes may have several lines."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before = 0
    try:
        for cells in reader:
            yield before + 1, cells
            before = reader.line_num
    except csv.Error as error:
        raise UserError(f"not CSV: {error}", where=f"{path}:{before + 1}") from None


def _tabbed(path: Path) -> Table:
    """Quotes are a part of the text, as in PartiPrompts, but where a cell is quoted as spreadsheets do it."""
    rows = _checked(path, ((number, list(map(_unquoted, line.split("\t")))) for number, line in _whole_lines(path)))
    _, header = next(rows)
    return _with_header(path, header, rows)


def _unquoted(cell: str) -> str:
    inner = cell[1:-1]
    return inner.replace('""', '"') if QUOTED.fullmatch(cell) and '""' in inner else cell


def _checked(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Rows that are as wide as the first one. Raises UserError where one is not, or there is none."""
    width = 0
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            raise UserError("an empty line", where=f"{path}:{number}", hint="remove it")
        width = width or len(cells)
        if len(cells) != width:
            problem = f"{len(cells)} cells in a table of {width} columns"
            raise UserError(problem, where=f"{path}:{number}", given=cells[0], hint="are there quotes around texts?")
        yield number, [cell.strip() for cell in cells]
    if not width:
        raise UserError("the file is empty", given=str(path))


def _with_header(path: Path, header: Sequence[str], rows: Iterator[tuple[int, list[str]]]) -> Table:
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise UserError("two columns of one name", where=f"{path}:1", given=twice[0])
    return Table(path, header, (Row(number, dict(zip(header, cells, strict=True))) for number, cells in rows))


def _json_lines(path: Path) -> Table:
    rows = (Row(number, _json_object(line, f"{path}:{number}")) for number, line in _whole_lines(path))
    first = next(rows)
    return Table(path, list(first.cells), _with_first(first, rows), typed=True)


def _with_first(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _json_object(line: str, where: str) -> Cells:
    try:
        found = json.loads(line, object_pairs_hook=lambda pairs: unique_keys(pairs, where))
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(f"not JSON: {shorten(str(error))}", where=where) from None
    if not isinstance(found, dict):
        raise UserError("not a JSON object", where=where, given=found, allowed='such as {"prompt": "a cat"}')
    return {key: value.strip() if isinstance(value, str) else value for key, value in found.items()}


def _whole_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines. Raises UserError where one is empty, or there is none."""
    number = 0
    for number, line in enumerate(io.StringIO(_text(path), newline=None), 1):
        if not line.strip():
            raise UserError("an empty line", where=f"{path}:{number}", hint="remove it")
        yield number, line.removesuffix("\n")
    if not number:
        raise UserError("the file is empty", given=str(path))


def _text(path: Path) -> str:
    content = content_of(path, MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"{path}:{content.count(bytes([10]), 0, error.start) + 1}"
        raise UserError(f"not UTF-8: {error.reason}", where=place, hint="save the file as UTF-8") from None
    if NUL in text:  # as in UTF-16 of ASCII characters, which is valid UTF-8
        place = f"{path}:{text.count(chr(10), 0, text.index(NUL)) + 1}"
        raise UserError("not UTF-8: a NUL character", where=place, hint="save the file as UTF-8")
    return text


def _parquet(path: Path) -> Table:
    from pyarrow import types
    from pyarrow.parquet import ParquetFile

    content_of(path, MOST_BYTES)
    try:
        file = ParquetFile(path)
        plain = (types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean)
        kinds = {one.name: one.type for one in file.schema_arrow}
        kinds |= {name: kind.value_type for name, kind in kinds.items() if types.is_dictionary(kind)}  # of categories
        columns = [name for name, kind in kinds.items() if any(is_kind(kind) for is_kind in plain)]
    except Exception as error:  # damaged files raise many kinds of exceptions
        raise UserError(f"not a Parquet file: {shorten(str(error))}", given=str(path)) from None
    return Table(path, columns, _parquet_rows(path, columns), typed=True)


def _parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Texts stay in the file's dictionary until their row is asked for: one text that is repeated takes no memory."""
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        file = ParquetFile(path, read_dictionary=list(columns))
        for batch in file.iter_batches(1024, columns=list(columns)):
            for place in range(batch.num_rows):
                number += 1
                cells = {name: batch.column(name)[place].as_py() for name in columns}
                yield Row(number, {k: v.strip() if isinstance(v, str) else v for k, v in cells.items()})
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"not a Parquet file: {shorten(str(error))}", where=f"{path}:{number + 1}") from None
    if not number:
        raise UserError("the file is empty", given=str(path))


READERS: dict[str, Callable[[Path], Table]] = {
    ".txt": _lines,
    ".csv": _separated,
    ".tsv": _tabbed,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
