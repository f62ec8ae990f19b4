"""Commands that list what sweep files can name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import AllowCode, one_of_them
from cfgsweep.execution.completion import complete_config_name, complete_guider, complete_schedule
from cfgsweep.system.display import print_line


def guiders(
    name: Annotated[str | None, one_of_them(complete_guider)] = None,
    new: Annotated[Path | None, typer.Option(help="write one to begin your own with, and its test")] = None,
    allow_code: AllowCode = False,
) -> None:
    """List the guiders, or show one: formula, cost, parameters, source."""
    print(cfgsweep.guiders(name, new=new, allow_code=allow_code))


def schedules(
    name: Annotated[str | None, one_of_them(complete_schedule)] = None,
    plot: Annotated[Path | None, typer.Option(help="draw it, or all, into this file", show_default=False)] = None,
    allow_code: AllowCode = False,
) -> None:
    """List the schedules, or show one; plot them."""
    print(cfgsweep.schedules(name, plot=plot, allow_code=allow_code))
    if plot is not None:
        print_line(str(plot))


def schema(
    of: Annotated[str, typer.Argument(help="sweep, training, record or phase", metavar="[FILE]")] = "sweep",
) -> None:
    """Print the JSON Schema of a sweep file, for editors; or of a training, a record or phase.json."""
    print(json.dumps(cfgsweep.schema(of), indent=2))


def configs(
    name: Annotated[str | None, one_of_them(complete_config_name)] = None,
) -> None:
    """List the configs that are installed, which commands take by name; or print one."""
    print(cfgsweep.configs(name))
