"""The command that draws grids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import RunArgument, Where, tell_all
from cfgsweep.errors import UserError


def grid(
    run: RunArgument,
    what: Annotated[
        str | None, typer.Argument(help="after --plot: metrics or diagnostics", metavar="[PLOT]", show_default=False)
    ] = None,
    rows: Annotated[str | None, typer.Option(help="the axis that goes down")] = None,
    cols: Annotated[str | None, typer.Option(help="the axis that goes across")] = None,
    pages: Annotated[str | None, typer.Option(help="the axis that gets a page for each value")] = None,
    out: Annotated[Path | None, typer.Option(help="the file to write  [default: in RUN/grids]")] = None,
    format: Annotated[
        str | None, typer.Option(help="png, pdf or svg  [default: by the name of --out, or png]", show_default=False)
    ] = None,
    title: Annotated[str | None, typer.Option(help="a title above the grid")] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(help="what titles say: value='guidance scale', guider.tnorm=T-Norm", metavar="KEY=TEXT"),
    ] = None,
    font_size: Annotated[int | None, typer.Option(help="of titles, in pixels  [default: 15]")] = None,
    cell: Annotated[int | None, typer.Option(help="the width of a cell in pixels")] = None,
    no_caption: Annotated[bool, typer.Option("--no-caption", help="leave out the settings that do not vary")] = False,
    columns: Annotated[int | None, typer.Option(help="wrap rows of pictures after so many  [default: 12]")] = None,
    inside: Annotated[
        str | None, typer.Option(help="an axis whose pictures are in one cell, beside each other", show_default=False)
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="an axis over which a cell shows the mean picture", show_default=False)
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="draw the run's metrics over the swept value, too")] = False,
    empty_pages: Annotated[bool, typer.Option("--empty-pages", help="draw also pages without a picture")] = False,
    frames: Annotated[int, typer.Option(min=1, help="how many frames of a video to show; 1: the middle one")] = 1,
    where: Where = None,
) -> None:
    """Render a run's pictures as titled grids: PNG, PDF or SVG."""
    if what is not None and not plot:
        raise UserError("not an option of grids", where="grid", given=what, allowed=f"--plot {what}, for a plot")
    files = cfgsweep.grid(
        run,
        rows=rows,
        cols=cols,
        pages=pages,
        out=out,
        plot=plot and (what or True),
        empty_pages=empty_pages,
        frames=frames,
        where=where,
        format=format,
        title=title,
        labels=dict(map(_label, labels)) if labels else None,
        font_size=font_size,
        cell=cell,
        caption=not no_caption,
        columns=columns,
        inside=inside,
        mean=mean,
    )
    tell_all(files)


def _label(given: str) -> tuple[str, str]:
    key, sign, text = given.partition("=")
    if not sign:
        raise UserError("not a label", where="--labels", given=given, allowed="KEY=TEXT, such as guider.tnorm=T-Norm")
    return key.strip(), text
