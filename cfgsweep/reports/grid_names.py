"""Names of grids and their pages in files: by what they show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from cfgsweep.reports.grid_layout import Heading
from cfgsweep.sweep.titles import axis_label

LONGEST = 100  # characters of one part of a name
IN_WORDS = {">=": ".ge.", "<=": ".le.", ">": ".gt.", "<": ".lt."}  # signs that files of some systems cannot have
REFUSED = re.compile(r"[^\w=.,+-]+")


def grid_name(
    name: str,
    rows: str | None,
    cols: str | None,
    pages: str | None,
    frames: int,
    where: Sequence[str],
    inside: str | None = None,
    mean: str | None = None,
) -> str:
    """The name of a run's grids; with anything that was asked for it is another than that of the automatic ones."""
    axes = {"rows": rows, "cols": cols, "pages": pages, "inside": inside, "mean": mean}
    axes["frames"] = None if frames == 1 else str(frames)
    asked = [f"{way}={axis}" for way, axis in axes.items() if axis is not None]
    return "-".join([name, *map(as_file_name, [*asked, *where])])


def page_name(heading: Heading, sheet: int, is_unique: bool = True) -> str:
    """'seed=2', 'seed=2-2' for the second sheet of it, '2' where pages are sheets alone, '' for the first of those.

    is_unique: no other heading has its titles; otherwise a hash of its values is added.
    """
    parts = [as_file_name(_setting(field, axis_label(field, value))) for field, value in heading]
    parts += [] if is_unique else [hash_of(repr(heading))]
    return "-".join([*parts, *([str(sheet)] if sheet > 1 else [])])


def _setting(field: str, label: str) -> str:
    return f"{field}={label.removeprefix(f'{field} ')}"


def as_file_name(text: str) -> str:
    """The text with characters that every system takes, cut to a length; distinct texts have distinct names."""
    words = text
    for sign, word in IN_WORDS.items():
        words = words.replace(sign, word)
    safe = REFUSED.sub("_", words)[:LONGEST]
    return safe if safe == words else f"{safe}-{hash_of(text)}"


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
