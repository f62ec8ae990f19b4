"""The command that writes a page for blind ratings."""

from __future__ import annotations

from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import RunArgument, Where, tell_all


def rate(
    run: RunArgument,
    pairs: Annotated[int, typer.Option(help="how many pairs of pictures")] = 100,
    baseline: Annotated[str | None, typer.Option(help="what the others are compared with; cfg if not given")] = None,
    matched: Annotated[
        str | None, typer.Option(help="what is equal: effective_scale (the default), evaluations, value, or a metric")
    ] = None,
    cell: Annotated[
        list[str] | None,
        typer.Option(help="compare these with each other instead: --cell 'cfg 2' --cell 'apg 3'", show_default=False),
    ] = None,
    question: Annotated[str, typer.Option(help="what is asked")] = "Which picture is better?",
    seed: Annotated[int, typer.Option(help="of the choice of pairs, and of their sides")] = 0,
    where: Where = None,
) -> None:
    """Write a page on which people compare pictures without knowing whose they are."""
    written = cfgsweep.rate(
        run, pairs=pairs, baseline=baseline, matched=matched, cells=cell, question=question, seed=seed, where=where
    )
    tell_all([written, f"answers: cfgsweep compare {run} --ratings {written.answers_name}"])
