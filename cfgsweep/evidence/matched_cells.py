"""The cells of a run by their names, and those of them that a comparison sets side by side."""

from __future__ import annotations

from collections.abc import Sequence

from cfgsweep.errors import unknown_name
from cfgsweep.evidence.matching import MATCHED, STRENGTH, Cell, is_as_strong, nearest
from cfgsweep.reports.measure import OVER
from cfgsweep.sweep.titles import axis_label, varying


def names_of(found: Sequence[Cell]) -> list[str]:
    """A name for each cell: its title, and the settings beside guidance in which the cells differ."""
    fields = [name for name in varying([cell.example for cell in found]) if name not in (*STRENGTH, *OVER)]
    return [", ".join([cell.title, *(axis_label(n, getattr(cell.example, n)) for n in fields)]) for cell in found]


def match_of(cell: Cell, own: Sequence[Cell], matched: str) -> Cell | None:
    """The cell among those of the baseline that `cell` is compared with; None where none is a match.

    Raises UserError where there is no such way to match.
    """
    if matched not in MATCHED:
        raise unknown_name("way to match", matched, MATCHED, "--matched")
    match = nearest(cell, own, matched)
    is_match = match is not None and (matched != "effective_scale" or is_as_strong(cell, match))
    return match if is_match else None
