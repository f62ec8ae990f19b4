"""The command that writes the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import RunArgument, Where, tell_all


def page(
    run: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            help="a folder for the page and its pictures, to give away  [default: RUN/page]", show_default=False
        ),
    ] = None,
    single: Annotated[
        bool, typer.Option("--single", help="one HTML file with thumbnails inside, of 500 pictures at most")
    ] = False,
    where: Where = None,
) -> None:
    """Write a page on which the run is browsed; it opens from its file."""
    tell_all([cfgsweep.page(run, out=out, single=single, where=where)])
