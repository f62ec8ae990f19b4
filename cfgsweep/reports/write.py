"""Renders the grids and plots of a run and saves them."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.reports.grid_layout import arrange
from cfgsweep.reports.grid_render import render
from cfgsweep.reports.measure import means
from cfgsweep.storage.decoding import NO_PICTURE
from cfgsweep.storage.png import as_image, refuse_a_finished_picture, save_png
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment


def _remove_pages_after(first: Path) -> None:
    """Remove the further pages of an earlier, longer grid."""
    for path in first.parent.glob(f"{glob.escape(first.stem)}-*.png"):
        if path.stem.removeprefix(f"{first.stem}-").isdecimal():
            path.unlink()


def draw_grids(
    run: RunFolder,
    name: str,
    experiments: Sequence[Experiment],
    rows: str | None = None,
    cols: str | None = None,
    pages: str | None = None,
) -> list[Image.Image]:
    """The run's pictures as titled grids, one image a page. Cells without a picture are left empty."""
    layout = arrange(experiments, rows, cols, pages)

    def picture(experiment: Experiment) -> Image.Image | None:
        record = run.record_of(experiment)
        try:
            return run.load_image(record) if isinstance(record, DoneRecord) else None
        except NO_PICTURE:
            return None

    return render(name, experiments, layout, picture)


def write_grids(
    run: RunFolder,
    name: str,
    experiments: Sequence[Experiment],
    rows: str | None = None,
    cols: str | None = None,
    pages: str | None = None,
    out: Path | None = None,
) -> list[Path]:
    """Write the grids, one file a page: `out`, `out-2`, ...; in the run's folder `grids` if `out` is not given.

    Raises UserError where `out` is no PNG file, or a finished picture.
    """
    sheets = draw_grids(run, name, experiments, rows, cols, pages)
    first = out or run.grids / f"{name}.png"
    if first.suffix.lower() != ".png":
        raise UserError("grids are PNG files", where="--out", given=str(first), allowed="a name that ends in .png")
    first.parent.mkdir(parents=True, exist_ok=True)
    refuse_a_finished_picture(first)
    if out is None:
        _remove_pages_after(first)
    paths = []
    for page, sheet in enumerate(sheets, start=1):
        paths.append(first if page == 1 else first.with_stem(f"{first.stem}-{page}"))
        save_png(sheet, paths[-1])
    return paths


def draw_plot(run: RunFolder, name: str, experiments: Sequence[Experiment], metrics: Sequence[str]) -> Image.Image:
    """A plot of the metrics over the swept number. Raises UserError where there are none."""
    from cfgsweep.reports.metric_plot import plot

    if not metrics:
        raise UserError("this run measured nothing", where="--plot", hint="give the sweep `metrics`, and run it again")
    return as_image(plot(name, experiments, metrics, means(run, experiments, metrics)))


def write_plot(run: RunFolder, name: str, experiments: Sequence[Experiment], metrics: Sequence[str]) -> Path:
    """Save the plot of `draw_plot` beside the grids."""
    path = run.grids / f"{name}-metrics.png"
    save_png(draw_plot(run, name, experiments, metrics), path)
    return path
