"""What can be done with the folder of a run, as functions. The command line calls these and prints what they return."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.errors import UserError
from cfgsweep.system.display import Lines

if TYPE_CHECKING:
    from cfgsweep.execution.run import Run, Verification


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Read a run folder. Raises UserError where it is none."""
    from cfgsweep.execution.run import Run

    return Run.open(Path(folder))


def verify(run: Run | str | os.PathLike[str], *, where: Sequence[str] | None = None) -> Verification:
    """Look for damaged pictures, lost records and unknown files in a run folder. Changes nothing.

    where: count only the pictures for which these conditions hold, as `Run.where` takes them.
    """
    return opened_run(run, where).verify()


def grid(
    run: Run | str | os.PathLike[str],
    *,
    rows: str | None = None,
    cols: str | None = None,
    pages: str | None = None,
    out: str | os.PathLike[str] | None = None,
    plot: bool | str = False,
    empty_pages: bool = False,
    frames: int = 1,
    where: Sequence[str] | None = None,
    format: str | None = None,
    title: str | None = None,
    labels: Mapping[str, str] | None = None,
    font_size: int | None = None,
    cell: int | None = None,
    caption: bool = True,
    columns: int | None = None,
    inside: str | None = None,
    mean: str | None = None,
) -> list[Path]:
    """Render a run's pictures as titled grids, and write them as files; `Run.grid` gives one as an image.

    rows, cols, pages: the axes that go down, across and onto pages of their own.
    out: the file to write, in the run's folder `grids` if not given. plot: draw the metrics over the swept value, too,
        or what guidance did, call by call, with "diagnostics".
    format: png, pdf or svg; if None, that of the name of `out`, or png. In PDF and SVG files text can be searched, and
        pictures keep their own pixels.
    empty_pages: also draw pages after the first that have no picture yet.
    frames: how many frames of a video are shown, side by side; the middle one if it is 1.
    where: show only pictures for which these conditions hold, as `Run.where` takes them.
    title: a text above. labels: what titles say, {"value": "guidance scale", "guider.tnorm": "T-Norm"}, beside the
        `labels` of the sweep file.
    font_size: of titles, in pixels (points in PDF files); 15 if not given. cell: the width of a picture's cell.
    caption: whether the settings that do not vary are written below.
    columns: after how many pictures a row goes on below; if None, after 12 at most.
    inside: an axis whose pictures are beside each other in one cell. mean: an axis over which a cell shows the mean
        picture, of the levels as they are (sRGB, not linear light).
    Returns the paths of the files.
    """
    return opened_run(run, where).write_grids(
        rows,
        cols,
        pages,
        Path(out) if out is not None else None,
        plot,
        empty_pages,
        frames,
        format,
        title=title,
        labels=labels,
        font_size=font_size,
        cell=cell,
        caption=caption,
        columns=columns,
        inside=inside,
        mean=mean,
    )


def table(
    run: Run | str | os.PathLike[str],
    *,
    form: str | None = None,
    each: bool = False,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    where: Sequence[str] | None = None,
) -> Lines | Path:
    """The metrics of a run as means over seeds, labels and prompts with their 95% intervals, one row a setting.

    form: text, markdown, latex, csv or parquet; that of the file's name if not given, text without a file.
    each: one row for each picture, in csv and parquet with every field of its record; so it is where nothing was
    measured. out: the file to write. overwrite: also where there is another file of this name.
    where: take only pictures for which these conditions hold, as `Run.where` takes them.
    Returns the lines of the table, or the path of the file.
    """
    from cfgsweep.reports.write_table import form_of, write_table

    file = Path(out) if out is not None else None
    chosen = form_of(form, file)
    if file is None and chosen == "parquet":
        raise UserError("Parquet is not text", where="form", given=chosen, hint="give --out FILE")
    content = opened_run(run, where).table(chosen, each)
    if file is None:
        return Lines(str(content).splitlines())
    write_table(content, file, overwrite)
    return file


def export(
    run: Run | str | os.PathLike[str],
    *,
    mp4: bool = False,
    out: str | os.PathLike[str] | None = None,
    where: Sequence[str] | None = None,
) -> list[Path]:
    """Write the videos of a run, with a file <id>.mp4 for each, in a form that players know.

    mp4: H.264, by PyAV. out: the folder to write into, `videos` in the run's folder if not given.
    where: only videos for which these conditions hold, as `Run.where` takes them.
    Returns the paths of the files. Raises UserError where PyAV is not installed.
    """
    if not mp4:
        raise UserError("not said what to write", where="export", allowed="--mp4")
    return opened_run(run, where).export_mp4(Path(out) if out is not None else None)


def opened_run(run: Run | str | os.PathLike[str], where: Sequence[str] | None = None) -> Run:
    opened = open_run(run) if isinstance(run, str | os.PathLike) else run
    return opened.where(*([where] if isinstance(where, str) else where)) if where else opened
