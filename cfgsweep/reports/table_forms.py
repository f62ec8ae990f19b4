"""A flat table as text, Markdown, LaTeX, CSV or Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cfgsweep.config.parameters import compact
from cfgsweep.reports.mean_rows import Estimate
from cfgsweep.system.display import aligned

if TYPE_CHECKING:
    import pyarrow

Rows = Sequence[Mapping[str, Any]]

NOTE = "mean ± half of the 95% interval by Student's t, over seeds, labels and prompts"

LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"},
    **{"<": r"\textless{}", ">": r"\textgreater{}"},
}


def as_text(rows: Rows) -> bytes:
    """Columns of even width, and below them what the intervals are."""
    cells = _cells(rows)
    note = [NOTE] if any("±" in cell for row in cells for cell in row) else []
    return _lines([*aligned([tuple(_columns(rows)), *cells]), *note])


def as_markdown(rows: Rows) -> bytes:
    """A table of GitHub's Markdown; columns of numbers are aligned to the right."""
    rule = ["---:" if is_number else "---" for is_number in _columns(rows).values()]
    cells = ([cell.replace("|", "\\|") for cell in row] for row in [[*_columns(rows)], rule, *_cells(rows)])
    return _lines(f"| {' | '.join(row)} |" for row in cells)


def as_latex(rows: Rows) -> bytes:
    r"""A `tabular` with the rules of the package booktabs, to be put into a `table`."""
    columns = _columns(rows)
    head, *body = (" & ".join(map(_escaped, row)) + r" \\" for row in [tuple(columns), *_cells(rows)])
    alignment = "".join("r" if is_number else "l" for is_number in columns.values())
    lines = [rf"\begin{{tabular}}{{{alignment}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
    return _lines([*lines, r"\end{tabular}"])


def as_csv(rows: Rows) -> bytes:
    """UTF-8, with quotation marks where they are needed; intervals are columns `<metric>.low` and `<metric>.high`."""
    from pyarrow import csv

    out = io.BytesIO()
    csv.write_csv(_arrow(rows), out, csv.WriteOptions(quoting_style="needed"))
    return out.getvalue()


def as_parquet(rows: Rows) -> bytes:
    """The columns of `as_csv`."""
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(_arrow(rows), out)
    return out.getvalue()


FORMS: dict[str, Callable[[Rows], bytes]] = {
    **{"text": as_text, "markdown": as_markdown, "latex": as_latex, "csv": as_csv, "parquet": as_parquet},
}
ENDS = ("low", "high")  # of an interval
PARQUET = "parquet"  # the form that is no text
FOR_PROGRAMS = ("csv", PARQUET)
SUFFIXES = {".txt": "text", ".md": "markdown", ".tex": "latex", ".csv": "csv", ".parquet": "parquet"}


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _columns(rows: Rows) -> dict[str, bool]:
    """The names of all columns in order, and whether they have numbers alone."""
    found: dict[str, bool] = {}
    for row in rows:
        for name, value in row.items():
            is_number = isinstance(value, int | float | Estimate) and not isinstance(value, bool)
            found[name] = found.get(name, True) and (is_number or value is None)
    return found


def _cells(rows: Rows) -> list[tuple[str, ...]]:
    return [tuple(_cell(row.get(name)) for name in _columns(rows)) for row in rows]


def _cell(value: Any) -> str:
    """A value for people, in one line."""
    if value is None:
        return ""
    if isinstance(value, Estimate):
        return f"{value.mean:.3f}" + ("" if value.half_width is None else f" ± {value.half_width:.3f}")
    return " ".join(str(_plain(value) if isinstance(value, dict | list) else compact(value)).split())


def _escaped(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def _arrow(rows: Rows) -> pyarrow.Table:
    import pyarrow

    found = [_flat(row) for row in rows]
    names = dict.fromkeys(name for row in found for name in row)
    ends = {f"{name}.{end}" for row in rows for name, one in row.items() if isinstance(one, Estimate) for end in ENDS}
    return pyarrow.table({name: _array([row.get(name) for row in found], name in ends) for name in names})


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row for a machine: a mean and the ends of its interval in three columns, lists and mappings as JSON."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Estimate):
            width = value.half_width
            ends = (None, None) if width is None else (value.mean - width, value.mean + width)
            flat |= {name: value.mean, **{f"{name}.{end}": at for end, at in zip(ENDS, ends, strict=True)}}
        else:
            flat[name] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _array(values: Sequence[Any], is_end: bool) -> pyarrow.Array:
    """A column. Values of several types, such as labels that are numbers and names, become texts.

    is_end: of an interval, so that it has numbers also where none has an interval.
    """
    import pyarrow

    if is_end:
        return pyarrow.array(values, pyarrow.float64())
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        return pyarrow.array([None if value is None else str(value) for value in values])
