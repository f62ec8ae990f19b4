"""How a grid looks: its title, labels, sizes and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import TypedDict

from cfgsweep.errors import UserError
from cfgsweep.reports.grid_names import hash_of
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.schema import check_label
from cfgsweep.sweep.titles import TitleLabels

FONT_SIZE = 15  # pixels
ASKED_FOR = 6  # how many of the fields of a style are options of the command
LIMITS = {"font_size": (4, 200), "cell": (8, 4096), "columns": (1, 100)}


class StyleOptions(TypedDict, total=False):
    """The options of `GridStyle`, for functions that hand them on."""

    title: str | None
    labels: Mapping[str, str] | None
    font_size: int | None
    cell: int | None
    caption: bool
    columns: int | None
    inside: str | None
    mean: str | None


@dataclass(frozen=True)
class GridStyle:
    """Raises UserError, when it is made, where a number is out of its range or a label is of no axis.

    title: above the grid. labels: what titles say in the place of a name or a value: see `TitleLabels`.
    font_size: of the titles of rows and columns, in pixels; all other texts and gaps grow with it.
    cell: the width of a cell in pixels; if None, pictures are enlarged by a whole number to fill a page.
    caption: whether what does not vary is written below. columns: after how many columns a grid is wrapped.
    inside, mean: axes whose pictures are in one cell, beside each other or as their mean.
    """

    title: str | None = None
    labels: Mapping[str, str] | None = None
    font_size: int | None = None
    cell: int | None = None
    caption: bool = True
    columns: int | None = None
    inside: str | None = None
    mean: str | None = None
    of_sweep: Mapping[str, str] = field(default_factory=dict)  # labels of the sweep file, below those given
    axes: Sequence[str] = AXES  # those that labels can be of

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            given = getattr(self, name)
            is_whole = isinstance(given, int) and not isinstance(given, bool)
            if given is not None and not (is_whole and low <= given <= high):
                raise UserError("not a size", where=name, given=given, allowed=f"{low} to {high}")
        for key, text in (self.labels or {}).items():
            check_label(key, self.axes)
            if not isinstance(text, str):
                raise UserError("not a text", where="labels", given=text)

    @property
    def titles(self) -> TitleLabels:
        """The labels: those that were given, and of the sweep file the others."""
        return TitleLabels({**self.of_sweep, **(self.labels or {})})

    def pixels(self, length: float) -> int:
        """A length that grows with the font, in pixels, from that at the usual size."""
        return round(length * (self.font_size or FONT_SIZE) / FONT_SIZE)

    @property
    def name(self) -> str:
        """'style-1a2b3c' for names of files; empty where nothing was asked for."""
        given = astuple(self)[:ASKED_FOR]
        return "" if given == astuple(GridStyle())[:ASKED_FOR] else f"style-{hash_of(repr(given))}"
