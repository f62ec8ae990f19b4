"""phase.json, the report of `cfgsweep phase`: read, and written without losing a file of the user's of that name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfgsweep.storage.drawings import put_aside
from cfgsweep.storage.file_state import read_text
from cfgsweep.system.files import open_atomic

BEGINNING = '{\n "name": '  # of every report, also of one that is damaged later in the file
FIELDS = {"name": str, "search": str, "evaluations": dict, "searches": list}  # in all versions


def read_report(path: Path) -> dict[str, object] | None:
    """The report in a file; None where there is none, it is damaged, or it is no report of a search."""
    try:
        found = json.loads(read_text(path) or "")
    except (ValueError, RecursionError):
        return None
    is_report = isinstance(found, dict) and all(isinstance(found.get(name), kind) for name, kind in FIELDS.items())
    return found if is_report else None


def searched(report: Mapping[str, Any]) -> list[str]:
    """The settings that the search of a report varies: one, or the two of a map."""
    names: str = report["search"]
    return names.split(", ")


def is_report(path: Path) -> bool:
    """Is the file a whole report?"""
    return read_report(path) is not None


def is_of_search(path: Path) -> bool:
    """Is the file a report, whole or damaged? A file without content counts as a damaged one."""
    text = read_text(path)
    return text is not None and (not text.strip("\0 \n") or text.startswith(BEGINNING) or is_report(path))


def write_report(report: Mapping[str, object], path: Path) -> None:
    """Writes a report. Another file of that name is renamed first, with a notice."""
    if path.exists() and not is_of_search(path):
        put_aside(path, "report of a search")
    with open_atomic(path) as file:
        file.write((json.dumps(report, indent=1) + "\n").encode())
