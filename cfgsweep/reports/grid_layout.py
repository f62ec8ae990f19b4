"""Titled static grids: what varies is in a title, what does not is in the caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.grid_shape import axis_follows
from cfgsweep.sweep.titles import axis_label, varying

ROWS_A_PAGE, COLUMNS_A_PAGE = 40, 40


COLUMNS = 12  # a single axis longer than this is wrapped


Heading = tuple[tuple[str, Any], ...]  # (field, value) pairs that one row, column or page stands for


@dataclass(frozen=True)
class Layout:
    """Which fields go down, across and onto pages. Together they are all that varies."""

    rows: list[str]
    columns: list[str]
    pages: list[str]


def arrange(
    experiments: Sequence[Experiment], rows: str | None = None, cols: str | None = None, pages: str | None = None
) -> Layout:
    """Choose the axes: the longest across (`value`, of two as long), the others down, unless told.

    A field that only changes when another does (as zipped ones do) goes where that one goes.
    """
    fields = varying(experiments)
    for given, flag in ((rows, "--rows"), (cols, "--cols"), (pages, "--pages")):
        if given is not None and given not in fields:
            raise unknown_name("axis (of those that vary)", given, fields, flag)
    named = [name for name in (rows, cols, pages) if name is not None]
    if len(set(named)) < len(named):
        raise UserError("an axis goes one way only", where="--rows, --cols, --pages", given=named)
    free = [name for name in fields if name not in (rows, cols, pages)]
    if cols is None and free and (len(fields) > 1 or rows is None):
        counts = {name: len({getattr(e, name) for e in experiments}) for name in free}
        cols = max(free, key=lambda name: (counts[name], name == "value"))
        free.remove(cols)
    layout = Layout([rows] if rows else [], [cols] if cols else [], [pages] if pages else [])
    for name in free:
        leaders = (part for part in (layout.columns, layout.rows, layout.pages) if part)
        follows = (part for part in leaders if axis_follows(experiments, name, part[0]))
        next(follows, layout.rows).append(name)
    return layout


def parts_of(members: Sequence[Experiment], layout: Layout) -> list[list[Experiment]]:
    """What goes on one sheet each, where a table would be too long or too wide."""
    if not layout.rows:
        most = COLUMNS * ROWS_A_PAGE
        return [list(members[start : start + most]) for start in range(0, len(members), most)]
    places = [(heading_of(e, layout.rows), heading_of(e, layout.columns)) for e in members]
    down, across = ({h: n for n, h in enumerate(dict.fromkeys(side))} for side in zip(*places, strict=True))
    parts: dict[tuple[int, int], list[Experiment]] = {}
    for experiment, (row, column) in zip(members, places, strict=True):
        parts.setdefault((down[row] // ROWS_A_PAGE, across[column] // COLUMNS_A_PAGE), []).append(experiment)
    return [parts[key] for key in sorted(parts)]


def heading_of(experiment: Experiment, fields: Sequence[str]) -> Heading:
    return tuple((field, getattr(experiment, field)) for field in fields)


def words(heading: Heading) -> str:
    return ", ".join(axis_label(field, value) for field, value in heading)


@dataclass(frozen=True)
class Table:
    """Which experiment stands where. A single long axis is wrapped, each picture then has its own title."""

    across: list[Heading]
    down: list[Heading]
    cells: dict[tuple[int, int], Experiment]  # (row, column)
    wrapped: bool = False

    @classmethod
    def of(cls, experiments: Sequence[Experiment], layout: Layout) -> Table:
        across = list(dict.fromkeys(heading_of(e, layout.columns) for e in experiments))
        down = list(dict.fromkeys(heading_of(e, layout.rows) for e in experiments))
        if not layout.rows and len(across) > COLUMNS:
            columns = -(-len(across) // -(-len(across) // COLUMNS))
            cells = {divmod(across.index(heading_of(e, layout.columns)), columns): e for e in experiments}
            return cls(across[:columns], [()] * (max(row for row, _ in cells) + 1), cells, wrapped=True)
        column = {heading: index for index, heading in enumerate(across)}
        row = {heading: index for index, heading in enumerate(down)}
        places = {(row[heading_of(e, layout.rows)], column[heading_of(e, layout.columns)]): e for e in experiments}
        return cls(across, down, places)
