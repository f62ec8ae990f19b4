"""The command that writes the page of a run."""

from __future__ import annotations

import cfgsweep
from cfgsweep.cli.options import RunArgument, tell_all


def page(run: RunArgument) -> None:
    """Write a page on which the run is browsed: index.html in RUN/page, which opens from its file."""
    tell_all([cfgsweep.page(run)])
