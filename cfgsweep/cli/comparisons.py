"""The commands that draw conclusions from the metrics of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import Json, RunArgument, Where, tell_all
from cfgsweep.errors import UserError


def compare(
    run: RunArgument,
    more_answers: Annotated[
        list[Path] | None,
        typer.Argument(help="further files for --ratings", metavar="[ANSWERS]...", show_default=False),
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="what the others are compared with; cfg if not given")] = None,
    matched: Annotated[
        str | None, typer.Option(help="what is equal: effective_scale (the default), evaluations, value, or a metric")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="only this one; may be repeated", show_default=False)] = None,
    over: Annotated[str, typer.Option(help="the setting that is compared")] = "guider",
    paired: Annotated[
        str | None, typer.Option(help="what pictures of a pair have in common; seed,label,prompt if not given")
    ] = None,
    ratings: Annotated[
        list[Path] | None, typer.Option(help="answers from the page of `cfgsweep rate`", show_default=False)
    ] = None,
    by_cell: Annotated[bool, typer.Option("--by-cell", help="of ratings: every cell by itself")] = False,
    as_json: Json = False,
    where: Where = None,
) -> None:
    """Tell what guiders do beyond plain guidance of the same strength, with 95% intervals."""
    answers = [*(ratings or ()), *(more_answers or ())]
    if more_answers and not ratings:
        raise UserError(
            "files of answers", where="compare", given=str(more_answers[0]), hint="they come after --ratings"
        )
    if answers:
        rated = cfgsweep.compare_ratings(run, answers, over="cell" if by_cell else None)
        tell_all([json.dumps(rated.as_json())] if as_json else rated.lines())
        return
    pairs = None if paired is None else [name.strip() for name in paired.split(",")]
    found = cfgsweep.compare(
        run, baseline=baseline, matched=matched, metrics=metric, over=over, paired=pairs, where=where
    )
    tell_all([json.dumps(found.as_json())] if as_json else found.lines())


def window(
    run: RunArgument,
    metric: Annotated[str, typer.Option(help="one that the run has measured")] = "kept",
    as_json: Json = False,
    where: Where = None,
) -> None:
    """Tell where in time something is decided: by U-turns or forks, with 95% intervals."""
    found = cfgsweep.window(run, metric=metric, where=where, draw=not as_json)
    tell_all([json.dumps(found.as_json())] if as_json else [*found.lines(), found.plot_file])
