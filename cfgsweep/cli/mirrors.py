"""The command that keeps a copy of a run folder on other storage."""

from __future__ import annotations

from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import Quiet, RunArgument, Wait, tell_all


def mirror(
    run: RunArgument,
    url: Annotated[str, typer.Argument(help="s3://bucket/place, or another that fsspec knows", show_default=False)],
    fetch: Annotated[bool, typer.Option("--fetch", help="bring what the folder lacks, instead of sending")] = False,
    wait: Wait = False,
    quiet: Quiet = False,
) -> None:
    """Send what the copy of a run folder on other storage lacks, or fetch what the folder lacks."""
    tell_all([cfgsweep.mirror(run, url, fetch=fetch, wait=wait, quiet=quiet)])
