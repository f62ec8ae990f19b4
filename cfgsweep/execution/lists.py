"""What sweep files can name, and their form, as functions. The command line prints what they return."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cfgsweep.config import user_code
from cfgsweep.execution.shipped_configs import shipped_config, shipped_configs
from cfgsweep.system.display import Lines, aligned


def guiders(name: str | None = None, *, new: str | os.PathLike[str] | None = None, allow_code: bool = False) -> Lines:
    """All guiders, one line each; or everything about one: formula, cost, parameters, source.

    new: write a guider to begin one's own with into this Python file, and its test beside it; returns both paths.
    allow_code: import the file of a `name` such as my.py:Mine.
    """
    if new is not None:
        from cfgsweep.guidance.template import write_template

        return Lines(map(str, write_template(Path(new))))
    from cfgsweep.reports import catalogue

    with user_code.allow_code(allow_code):
        return Lines(catalogue.guider_page(name) if name else catalogue.guiders_table())


def schedules(
    name: str | None = None, *, plot: str | os.PathLike[str] | None = None, allow_code: bool = False
) -> Lines:
    """All schedules, one line each; or everything about one. plot: draw it, or all, into this file.

    allow_code: import the file of a `name` such as my.py:Mine.
    """
    from cfgsweep.reports import catalogue

    with user_code.allow_code(allow_code):
        lines = Lines(catalogue.schedule_page(name) if name else catalogue.schedules_table())
        if plot is not None:
            catalogue.plot_schedules([name] if name else list(catalogue.SCHEDULES), Path(plot))
    return lines


def schema(of: str = "sweep") -> dict[str, Any]:
    """The JSON Schema of a file: of a sweep, a training, a record (a line of experiments.jsonl), or phase.json.

    of: sweep, training, record or phase.
    """
    from cfgsweep.execution.schemas import schema_of

    return schema_of(of)


def configs(name: str | None = None) -> Lines:
    """The configs that are installed with the package, one line each; or the text of one."""
    if name is not None:
        return Lines(shipped_config(name).text().splitlines())
    known = shipped_configs().values()
    return Lines(aligned([("config", "for", ""), *((one.name, one.command, one.description) for one in known)]))
