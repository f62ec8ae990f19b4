"""Commands that write sweep files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import tell_all


def init(
    name: Annotated[Path, typer.Argument(help="the sweep, or its file", metavar="[NAME]")] = Path("sweep"),
) -> None:
    """Write a sweep file to start from, NAME.yaml, which runs as it is."""
    written = cfgsweep.init(name)
    tell_all([written.path, f"cfgsweep run {written.path}"])


def convert(
    picture: Annotated[Path, typer.Argument(help="a PNG of A1111 or ComfyUI", metavar="PICTURE", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="the file to write  [default: PICTURE with .yaml]", show_default=False)
    ] = None,
) -> None:
    """Write the settings in a picture of another program as a sweep file."""
    written = cfgsweep.convert(picture, out=out)
    tell_all([*(f"NOTE: {remark}" for remark in written.remarks), written.path])
