"""The data of a written page, as a browser gets it: every file is one call of `cfgsweepPage` with its own name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cfgsweep.system.locks import LOCKS

CALL = re.compile(r'cfgsweepPage\("([^"\\]+)",(.*)\);\n', re.DOTALL)


OF_CELLS = ("thumb", "colour", "reason", "control")


class WrittenPage:
    """A page's head and plan, and by the number of a cell what its files of results and details have of it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.head = self.file("data.js")
        self.plan = self.file(self.head["plan"])
        self.axes = self.plan["described"]
        self.results, self.details = dict[int, dict](), dict[int, dict]()
        for name in self.head["results"]:
            found = self.file(name)
            details = self.file(found["details"])
            of_cells = {f".{key}": found[key] for key in OF_CELLS if key in found}
            columns = {**of_cells, **found["fields"]}
            for row, cell in enumerate(found["at"]):
                self.results[cell] = {key: value_of(column, row) for key, column in columns.items()}
                self.details[cell] = details[row]

    def file(self, name: str) -> Any:
        text = (self.folder / name).read_text()
        found = CALL.fullmatch(text)
        assert found, f"{name} is not one call: {text[:99]}"
        assert found[1] == name
        unescaped = sorted(set(found[2]) & {"<", ">", "&", "\u2028", "\u2029"})
        assert unescaped == [], name
        return json.loads(found[2])

    def titles(self, cell: int) -> dict[str, str]:
        """By the axes, the titles of a cell's values."""
        axes = {axis["name"]: axis["values"] for axis in self.axes}
        return {name: axes[name][codes[cell]]["title"] for name, codes in self.plan["axes"].items()}


def value_of(column: dict, row: int) -> Any:
    if "same" in column:
        return column["same"]
    return column["each"][row] if "each" in column else column["values"][column["codes"][row]]


def times_of(folder: Path) -> dict[str, int]:
    """When each file was written, but for locks: equal where nothing was."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in LOCKS)
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}
