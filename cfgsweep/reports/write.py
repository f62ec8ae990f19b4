"""Renders the grids and plots of a run and saves them."""

from __future__ import annotations

import glob
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models.video import Picture, chosen_frames
from cfgsweep.reports.grid_layout import Layout, arrange
from cfgsweep.reports.grid_names import grid_name
from cfgsweep.reports.grid_render import Page, pages_of, render
from cfgsweep.reports.measure import means
from cfgsweep.storage.drawings import MARK, is_drawing, save_drawing
from cfgsweep.storage.png import as_image, refuse_a_finished_picture, save_png
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.files import make_folder
from cfgsweep.system.picture_files import NO_PICTURE


@dataclass(frozen=True)
class Grids:
    """The pages of a run's grids, which are drawn one at a time.

    name: in those of files. numbers: of the pages that are drawn, from 1: the first, and those with a picture; with
        `empty_pages` all.
    frames: how many frames of a video are shown.
    done: the records of the pictures, by the experiments' ids.
    """

    run: RunFolder
    name: str
    layout: Layout
    pages: list[Page]
    numbers: list[int]
    frames: int
    done: Mapping[str, DoneRecord]

    @classmethod
    def of(
        cls,
        run: RunFolder,
        name: str,
        experiments: Sequence[Experiment],
        rows: str | None = None,
        cols: str | None = None,
        pages: str | None = None,
        empty_pages: bool = False,
        frames: int = 1,
        where: Sequence[str] = (),
    ) -> Grids:
        """Arranges the experiments on pages. Raises UserError where that cannot be done as given.

        where: the conditions by which they are chosen among those of the run.
        """
        if frames < 1:
            raise UserError("a grid shows frames of videos", where="frames", given=frames, allowed="1 or more")
        layout = arrange(experiments, rows, cols, pages)
        found = pages_of(name, experiments, layout)

        records = run.records_of(experiments)
        done = {name: record for name, record in records.items() if isinstance(record, DoneRecord)}

        def has_picture(page: Page) -> bool:
            return any(e.id in done for e in page.experiments)

        numbers = [n for n, page in enumerate(found, 1) if empty_pages or n == 1 or has_picture(page)]
        return cls(run, grid_name(name, rows, cols, pages, frames, where), layout, found, numbers, frames, done)

    def draw(self, number: int) -> Image.Image:
        """A page. Cells without a picture are left empty."""
        return render(self.pages[number - 1], self.layout, self._picture)

    def _picture(self, experiment: Experiment) -> Image.Image | None:
        record = self.done.get(experiment.id)
        try:
            return self._shown(self.run.load_picture(record)) if record is not None else None
        except NO_PICTURE:
            return None

    def _shown(self, picture: Picture) -> Image.Image:
        """The frames of a picture that a cell shows, side by side."""
        frames = chosen_frames(picture, self.frames)
        strip = Image.new("RGB", (len(frames) * picture.width, picture.height))
        for place, frame in enumerate(frames):
            strip.paste(frame, (place * picture.width, 0))
        return strip

    def title(self, number: int) -> str:
        """What a page says inside that it is."""
        return f"{self.mark}{self.pages[number - 1].name or 1}"

    @property
    def mark(self) -> str:
        """With what the titles of its pages begin."""
        return f"grid {self.name}, page "

    def path(self, number: int, first: Path) -> Path:
        """The file of a page: `first`, or the same with the page's name."""
        name = self.pages[number - 1].name
        return first.with_stem(f"{first.stem}-{name}") if name else first


def write_grids(grids: Grids, out: Path | None = None) -> list[Path]:
    """Write the grids, one file a page: `out`, `out-2`, ..., or `out-seed=1`, ... where pages are of an axis.

    They are in the run's folder `grids` if `out` is not given.

    Raises UserError where `out` is no PNG file or a finished picture, or the file of a further page is not this page.
    """
    first = out or grids.run.grids / f"{grids.name}.png"
    if first.suffix.lower() != ".png":
        raise UserError("grids are PNG files", where="--out", given=str(first), allowed="a name that ends in .png")
    paths = {number: grids.path(number, first) for number in grids.numbers}
    for number, path in paths.items():
        if path == first:
            refuse_a_finished_picture(first)
        elif out is not None and path.exists() and not is_drawing(path, grids.title(number)):
            hint = "remove it, or give another name"
            raise UserError("not a page of these grids: it is not overwritten", where=str(path), hint=hint)
    make_folder(first.parent)
    if out is None:
        _remove_other_pages(grids, first, set(paths.values()))
    for number, path in paths.items():
        if out is not None:
            save_png(grids.draw(number), path, texts={MARK: grids.title(number)})
        else:
            save_drawing(grids.draw(number), path, grids.title(number))
    return list(paths.values())


def _remove_other_pages(grids: Grids, first: Path, drawn: Container[Path]) -> None:
    """Remove pages of an earlier grid of this name that are not drawn now; no other files, whatever their names."""
    for path in first.parent.glob(f"{glob.escape(first.stem)}*.png"):
        page = path.stem.removeprefix(first.stem).removeprefix("-") or "1"
        if path not in drawn and is_drawing(path, f"{grids.mark}{page}"):
            path.unlink()


def draw_plot(run: RunFolder, name: str, experiments: Sequence[Experiment], metrics: Sequence[str]) -> Image.Image:
    """A plot of the metrics over the swept number. Raises UserError where there are none."""
    from cfgsweep.reports.metric_plot import plot

    if not metrics:
        raise UserError("this run measured nothing", where="--plot", hint="give the sweep `metrics`, and run it again")
    return as_image(plot(name, experiments, metrics, means(run, experiments, metrics)))


def write_plot(run: RunFolder, name: str, experiments: Sequence[Experiment], metrics: Sequence[str]) -> Path:
    """Save the plot of `draw_plot` beside the grids."""
    path = run.grids / f"{name}-metrics.png"
    save_drawing(draw_plot(run, name, experiments, metrics), path, f"metrics {name}")
    return path
