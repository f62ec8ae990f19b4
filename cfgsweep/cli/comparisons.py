"""The commands that draw conclusions from the metrics of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import cfgsweep
from cfgsweep.cli.options import Json, NoPage, RunArgument, Where, tell_all
from cfgsweep.errors import UserError


def compare(
    run: RunArgument,
    more_answers: Annotated[
        list[Path] | None,
        typer.Argument(help="further files for --ratings", metavar="[ANSWERS]...", show_default=False),
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="what the others are compared with; cfg if not given")] = None,
    matched: Annotated[
        str | None,
        typer.Option(help="what is equal: effective_scale (the default), evaluations, value, settings, or a metric"),
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="only this one; may be repeated", show_default=False)] = None,
    over: Annotated[str | None, typer.Option(help="the setting that is compared; guider if not given")] = None,
    paired: Annotated[
        str | None, typer.Option(help="what pictures of a pair have in common; seed,label,prompt if not given")
    ] = None,
    ratings: Annotated[
        list[Path] | None, typer.Option(help="answers from the page of `cfgsweep rate`", show_default=False)
    ] = None,
    by_cell: Annotated[bool, typer.Option("--by-cell", help="of ratings: every cell by itself")] = False,
    plot: Annotated[
        str | None,
        typer.Option(help="draw two metrics against each other", metavar="METRIC,METRIC", show_default=False),
    ] = None,
    format: Annotated[str | None, typer.Option(help="of --plot: png (if not given), pdf or svg")] = None,
    split: Annotated[
        bool, typer.Option("--split", help="choose settings on one half of the prompts, and judge them on the other")
    ] = False,
    choose: Annotated[
        str | None, typer.Option(help="of --split: the metric to choose by", metavar="METRIC", show_default=False)
    ] = None,
    lower: Annotated[bool, typer.Option("--lower", help="of --split: choose the lowest, not the highest")] = False,
    seed: Annotated[int | None, typer.Option(help="of --split: which half is which; 0 if not given")] = None,
    no_page: NoPage = False,
    as_json: Json = False,
    where: Where = None,
) -> None:
    """Tell what guiders do beyond plain guidance of the same strength, with 95% intervals."""
    matching: dict[str, Any] = {"baseline": baseline, "matched": matched, "where": where}
    given: dict[str, object] = {
        **matching,
        "metric": metric,
        "over": over,
        "paired": paired,
        "ratings": ratings,
        "by-cell": by_cell,
    }
    given |= {"plot": plot, "format": format, "split": split, "choose": choose, "lower": lower, "seed": seed}
    pairs = None if paired is None else [name.strip() for name in paired.split(",")]
    _refuse_what_has_no_part(
        {name for name, value in given.items() if value is not None and value is not False}, bool(more_answers)
    )
    if ratings:
        answers = [*ratings, *(more_answers or ())]
        rated = cfgsweep.compare_ratings(run, answers, over="cell" if by_cell else None)
        lines, told = rated.lines(), rated.as_json()
    elif plot is not None:
        names = [name.strip() for name in plot.split(",")]
        drawn = cfgsweep.plot_pareto(run, names, format=format or "png", **matching)
        lines, told = [str(drawn)], {"plot": str(drawn)}
    elif split:
        if choose is None:
            raise UserError("not said by which metric to choose", where="--split", hint="--split --choose METRIC")
        halves = cfgsweep.compare_split(
            run, choose, lower=lower, seed=seed or 0, metrics=metric, paired=pairs, **matching
        )
        lines, told = halves.lines(), halves.as_json()
    else:
        found = cfgsweep.compare(run, metrics=metric, over=over or "guider", paired=pairs, **matching)
        lines, told = found.lines(), found.as_json()
    tell_all([json.dumps(told)] if as_json else lines)
    if not no_page:
        from cfgsweep.execution.page_api import write_page_of  # imports much

        write_page_of(run)


MATCHING = {"baseline", "matched", "where"}
PARTS = {  # of the options that change what is done: those that go with it
    "ratings": {"by-cell"},
    "plot": {"format", *MATCHING},
    "split": {"choose", "lower", "seed", "metric", "paired", *MATCHING},
    "": {"metric", "over", "paired", *MATCHING},
}


def _refuse_what_has_no_part(given: set[str], has_more_answers: bool) -> None:
    """Raises UserError where options are given together of which one would have no effect."""
    done = next((name for name in PARTS if name in given), "")
    if has_more_answers and done != "ratings":
        raise UserError("files of answers", where="compare", hint="they come after --ratings")
    for name in sorted(given - PARTS[done] - {done}):
        goes_with = " or ".join(f"--{other}" for other, parts in PARTS.items() if other and name in parts)
        problem = f"it has no effect together with --{done}" if done else f"it has no effect without {goes_with}"
        raise UserError(problem, where=f"--{name}", hint=f"it goes with {goes_with}" if done and goes_with else "")


def window(
    run: RunArgument,
    metric: Annotated[str, typer.Option(help="one that the run has measured")] = "kept",
    as_json: Json = False,
    where: Where = None,
) -> None:
    """Tell where in time something is decided: by U-turns or forks, with 95% intervals."""
    found = cfgsweep.window(run, metric=metric, where=where, draw=not as_json)
    tell_all([json.dumps(found.as_json())] if as_json else [*found.lines(), found.plot_file])
