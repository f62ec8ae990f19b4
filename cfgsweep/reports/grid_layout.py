"""Where each experiment stands in a grid: rows, columns and pages, and their headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.grid_shape import axis_follows
from cfgsweep.sweep.titles import TitleLabels, axes_of, varying

ROWS_A_PAGE, COLUMNS_A_PAGE = 40, 40
COLUMNS = 12  # a single axis longer than this is wrapped

Heading = tuple[tuple[str, Any], ...]  # the (field, value) pairs that one row, column or page stands for


@dataclass(frozen=True)
class Layout:
    """The fields that go down, across and onto pages. Together they are all that vary.

    wrap: after how many columns a table is wrapped; if None, one of more than COLUMNS is into parts of equal width.
    """

    rows: list[str]
    columns: list[str]
    pages: list[str]
    wrap: int | None = None

    def width(self, columns: int) -> int:
        """How many of so many columns stand beside each other."""
        if self.wrap is not None:
            return min(columns, self.wrap)
        bands = -(-columns // COLUMNS)
        return -(-columns // bands)


def arrange(
    experiments: Sequence[Experiment],
    rows: str | None = None,
    cols: str | None = None,
    pages: str | None = None,
    wrap: int | None = None,
) -> Layout:
    """The layout with the given axes; others are chosen: the longest goes across, and `value` of two as long.

    An axis that only changes when another does, as a zipped one, goes where that one goes.

    One that does not vary may be given, for its title. Raises UserError where there is no such axis, or it is given
    twice.
    """
    fields = varying(experiments)
    _check_given(fields, axes_of(experiments), {"--rows": rows, "--cols": cols, "--pages": pages})
    free = [name for name in fields if name not in (rows, cols, pages)]
    if cols is None and free and (len(fields) > 1 or rows is None):
        counts = {name: len({e.value_of(name) for e in experiments}) for name in free}
        cols = max(free, key=lambda name: (counts[name], name == "value"))
        free.remove(cols)
    layout = Layout([rows] if rows else [], [cols] if cols else [], [pages] if pages else [], wrap)
    for name in free:
        leaders = (part for part in (layout.columns, layout.rows, layout.pages) if part)
        followed = (part for part in leaders if axis_follows(experiments, name, part[0]))
        next(followed, layout.rows).append(name)
    return layout


def _check_given(fields: Sequence[str], axes: Sequence[str], given: dict[str, str | None]) -> None:
    for flag, name in given.items():
        if name is not None and name not in axes:
            raise unknown_name("axis", name, fields or axes, flag)
    named = [name for name in given.values() if name is not None]
    if len(set(named)) < len(named):
        raise UserError("an axis goes one way only", where=", ".join(given), given=named)


def split_into_sheets(members: Sequence[Experiment], layout: Layout) -> list[list[Experiment]]:
    """Cut a page whose table would be too long or too wide into several."""
    if not layout.rows:
        most = (layout.wrap or COLUMNS) * ROWS_A_PAGE
        return [list(members[start : start + most]) for start in range(0, len(members), most)]
    places = [(heading_of(e, layout.rows), heading_of(e, layout.columns)) for e in members]
    down, across = ({h: n for n, h in enumerate(dict.fromkeys(side))} for side in zip(*places, strict=True))
    parts: dict[tuple[int, int], list[Experiment]] = {}
    for experiment, (row, column) in zip(members, places, strict=True):
        parts.setdefault((down[row] // ROWS_A_PAGE, across[column] // COLUMNS_A_PAGE), []).append(experiment)
    return [parts[key] for key in sorted(parts)]


def heading_of(experiment: Experiment, fields: Sequence[str]) -> Heading:
    """The experiment's values of these fields."""
    return tuple((field, experiment.value_of(field)) for field in fields)


def heading_text(heading: Heading, labels: TitleLabels) -> str:
    """'tnorm, value 0.1'."""
    return ", ".join(labels.of(field, value) for field, value in heading)


@dataclass(frozen=True)
class Table:
    """The headings of columns and rows, and the experiment of every cell, by (row, column).

    wrapped: a single long axis, cut into rows; every picture then has a title of its own.
    """

    across: list[Heading]
    down: list[Heading]
    cells: dict[tuple[int, int], Experiment]
    wrapped: bool = False

    @classmethod
    def of(cls, experiments: Sequence[Experiment], layout: Layout) -> Table:
        """The table of these experiments."""
        across = {heading: index for index, heading in enumerate(_distinct_headings(experiments, layout.columns))}
        columns = layout.width(len(across))
        if not layout.rows and columns < len(across):
            cells = {divmod(across[heading_of(e, layout.columns)], columns): e for e in experiments}
            return cls(list(across)[:columns], [()] * (max(row for row, _ in cells) + 1), cells, wrapped=True)
        down = {heading: index for index, heading in enumerate(_distinct_headings(experiments, layout.rows))}
        places = {(down[heading_of(e, layout.rows)], across[heading_of(e, layout.columns)]): e for e in experiments}
        return cls(list(across), list(down), places)


def split_into_bands(experiments: Sequence[Experiment], layout: Layout) -> list[list[Experiment]]:
    """Cut a table that is wrapped into bands, which stand below each other."""
    across = list(_distinct_headings(experiments, layout.columns))
    width = layout.width(len(across))
    if not layout.rows or width == len(across):
        return [list(experiments)]
    bands = [set(across[start : start + width]) for start in range(0, len(across), width)]
    return [[e for e in experiments if heading_of(e, layout.columns) in band] for band in bands]


def _distinct_headings(experiments: Sequence[Experiment], fields: Sequence[str]) -> dict[Heading, None]:
    return dict.fromkeys(heading_of(e, fields) for e in experiments)
