"""Renders the grids and plots of a run and saves them."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.models.video import Picture, chosen_frames
from cfgsweep.reports.cells import means
from cfgsweep.reports.drawing import Drawing
from cfgsweep.reports.drawing_png import paint
from cfgsweep.reports.grid_cells import Cells
from cfgsweep.reports.grid_layout import Layout, arrange
from cfgsweep.reports.grid_names import grid_name
from cfgsweep.reports.grid_render import Page, page_drawing, pages_of
from cfgsweep.reports.grid_style import GridStyle
from cfgsweep.storage.drawings import (
    KINDS,
    MARK,
    PDF,
    PNG,
    SVG,
    is_any_drawing,
    is_drawing,
    save_drawing,
    save_vector_drawing,
)
from cfgsweep.storage.picture_kinds import kind_of_picture
from cfgsweep.storage.png import as_image, refuse_a_finished_picture, save_png
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import TitleLabels
from cfgsweep.system.display import SilentDisplay
from cfgsweep.system.files import make_folder
from cfgsweep.system.machine_errors import is_regular
from cfgsweep.system.wording import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PLOTS = METRICS, DIAGNOSTICS = "metrics", "diagnostics"


@dataclass(frozen=True)
class Grids:
    """The pages of a run's grids, which are drawn one at a time.

    name: in those of files. numbers: of the pages that are drawn, from 1: the first, and those with a picture; with
        `empty_pages` all.
    frames: how many frames of a video are shown.
    done: the records of the pictures, by the experiments' ids. told: pictures of which there was a notice.
    """

    run: RunFolder
    name: str
    layout: Layout
    pages: list[Page]
    numbers: list[int]
    frames: int
    done: Mapping[str, DoneRecord]
    style: GridStyle
    cells: Cells
    told: set[str] = field(default_factory=set)

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
        style: GridStyle | None = None,
    ) -> Grids:
        """Arranges the experiments on pages. Raises UserError where that cannot be done as given.

        where: the conditions by which they are chosen among those of the run.
        """
        if frames < 1:
            raise UserError("a grid shows frames of videos", where="frames", given=frames, allowed="1 or more")
        style = style or GridStyle()
        for key in TitleLabels(style.labels or {}).unused(experiments):
            SilentDisplay().notice(f"labels: {key}: none of the pictures has this value")
        cells = Cells.of(experiments, style)
        for flag, axis in (("--rows", rows), ("--cols", cols), ("--pages", pages)):
            if axis in cells.hidden:
                raise UserError("this axis is within the cells", where=flag, given=axis)
        layout = arrange(cells.experiments, rows, cols, pages, style.columns)
        found = pages_of(name, cells.experiments, layout, style.titles, cells.hidden, cells.notes)

        records = run.records_of(experiments)
        done = {name: record for name, record in records.items() if isinstance(record, DoneRecord)}

        def has_picture(page: Page) -> bool:
            return any(member.id in done for e in page.experiments for member in cells.members(e))

        numbers = [n for n, page in enumerate(found, 1) if empty_pages or n == 1 or has_picture(page)]
        own_name = grid_name(name, rows, cols, pages, frames, where, style.inside, style.mean)
        full_name = "-".join(filter(None, [own_name, style.name]))
        return cls(run, full_name, layout, found, numbers, frames, done, style, cells)

    def drawing(self, number: int) -> Drawing:
        """What stands where on a page. Cells without a picture are left empty."""
        page = self.pages[number - 1]
        noted = replace(page, caption=" · ".join([page.caption, *self._kinds(page)]))
        return page_drawing(noted, self.layout, self._picture, self.style)

    def draw(self, number: int) -> Image.Image:
        """A page as a picture."""
        return paint(self.drawing(number))

    def _kinds(self, page: Page) -> Iterator[str]:
        """A note where the pictures of a page are of several kinds of device: they can differ in their last bits."""
        environment = self.run.kept_environment()
        members = (member.id for e in page.experiments for member in self.cells.members(e))
        made = (kind_of_picture(self.done[name], environment) for name in members if name in self.done)
        kinds = Counter(kind for kind in made if kind is not None)
        if len(kinds) > 1:
            told = ", ".join(f"{count:,} on {kind}" for kind, count in kinds.most_common())
            yield f"{counted(len(kinds), 'kind')} of device: {told}"

    def _picture(self, experiment: Experiment) -> Image.Image | None:
        """What a cell shows."""
        return self.cells.picture(experiment, self._picture_of)

    def _picture_of(self, experiment: Experiment) -> Image.Image | None:
        record = self.done.get(experiment.id)
        if record is None:
            return None
        if self.run.is_whole(record):
            return self._shown(self.run.load_picture(record))
        if self.run.image_path(record.id).exists() and record.id not in self.told:
            self.told.add(record.id)
            hint = "it is not drawn; `cfgsweep verify` tells more"
            SilentDisplay().notice(f"{record.image} is not the picture that its record has: {hint}")
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


def write_grids(grids: Grids, out: Path | None = None, kind: str | None = None) -> list[Path]:
    """Write the grids, one file a page: `out`, `out-2`, ..., or `out-seed=1`, ... where pages are of an axis.

    They are in the run's folder `grids` if `out` is not given. kind: png, pdf or svg; that of `out` if not given.

    Raises UserError where `out` is of another kind, or a file that is no drawing of ours, and where the file of a
    further page is not this page.
    """
    kind = _kind(out, kind)
    first = out or grids.run.grids / f"{grids.name}.{kind}"
    paths = {number: grids.path(number, first) for number in grids.numbers}
    if out is not None:
        _check_places(grids, first, paths)
    make_folder(first.parent)
    if out is None:
        _remove_other_pages(grids, first, set(paths.values()))
    for number, path in paths.items():
        _write_page(grids, number, path, kind, is_ours=out is None)
    return list(paths.values())


def _kind(out: Path | None, kind: str | None) -> str:
    """Raises UserError where a grid cannot be drawn as this kind of file, or not as both that are named."""
    ending = out.suffix.lower().removeprefix(".") if out is not None else None
    if kind is not None and kind not in KINDS:
        raise UserError("not a format of grids", where="--format", given=kind, allowed=KINDS)
    if ending is not None and ending not in KINDS:
        allowed = "a name that ends in .png, .pdf or .svg"
        raise UserError("grids are PNG, PDF or SVG files", where="--out", given=str(out), allowed=allowed)
    if None not in (kind, ending) and kind != ending:
        raise UserError("two formats", where="--format and --out", given=[kind, str(out)], allowed="the same in both")
    return kind or ending or PNG


def _check_places(grids: Grids, first: Path, paths: Mapping[int, Path]) -> None:
    """Raises UserError where a page would be written over something else that is worth keeping."""
    hint = "remove it, or give another name"
    for number, path in paths.items():
        if path == first:
            refuse_a_finished_picture(first)
            if is_regular(path) and path.stat().st_size and not is_any_drawing(path):
                raise UserError("not a drawing of cfgsweep: it is not overwritten", where=str(path), hint=hint)
        elif path.exists() and not is_drawing(path, grids.title(number)):
            raise UserError("not a page of these grids: it is not overwritten", where=str(path), hint=hint)


def _write_page(grids: Grids, number: int, path: Path, kind: str, is_ours: bool) -> None:
    """is_ours: whether the file is in the run's folder, where a user's file in its place is put aside."""
    what = grids.title(number)
    if kind == PNG:
        image = grids.draw(number)
        save_drawing(image, path, what) if is_ours else save_png(image, path, texts={MARK: what})
        return
    if kind == PDF:
        from cfgsweep.reports.drawing_pdf import write_pdf as write
    else:
        from cfgsweep.reports.drawing_svg import write_svg as write
    save_vector_drawing(partial(write, grids.drawing(number)), path, what, keep=is_ours)


def _remove_other_pages(grids: Grids, first: Path, drawn: Container[Path]) -> None:
    """Remove pages of an earlier grid of this name that are not drawn now; no other files, whatever their names."""
    for path in first.parent.glob(f"{glob.escape(first.stem)}*{first.suffix}"):
        page = path.stem.removeprefix(first.stem).removeprefix("-") or "1"
        if path not in drawn and is_drawing(path, f"{grids.mark}{page}"):
            path.unlink()


def write_plot(run: RunFolder, figure: Figure, name: str, what: str, kind: str | None, where: Sequence[str]) -> Path:
    """Save a plot beside the grids.

    name: of the run. what: `metrics`, `diagnostics` and so on. kind: png, pdf or svg. where: the conditions by which
    experiments were chosen.
    """
    name = grid_name(name, None, None, None, 1, where)
    path, mark = run.grids / f"{name}-{what}.{kind or PNG}", f"{what} {name}"
    if kind in (PDF, SVG):
        from cfgsweep.reports.drawing_pdf import write_figure

        save_vector_drawing(partial(write_figure, figure, kind), path, mark, keep=True)
    else:
        save_drawing(as_image(figure), path, mark)
    return path


def plotted(
    run: RunFolder,
    name: str,
    experiments: Sequence[Experiment],
    metrics: Sequence[str],
    labels: TitleLabels,
    what: str = METRICS,
) -> Figure:
    """A plot of the metrics over the swept number, or of diagnostics over the calls of the denoiser.

    name: above it. Raises UserError where there is nothing to draw.
    """
    if what == DIAGNOSTICS:
        from cfgsweep.reports.diagnostics_plot import numbers_of, plot_diagnostics

        return plot_diagnostics(name, experiments, numbers_of(run, experiments), labels)
    if what != METRICS:
        raise unknown_name("plot", what, PLOTS, "--plot")
    from cfgsweep.reports.metric_plot import plot

    if not metrics:
        raise UserError("this run measured nothing", where="--plot", hint="give the sweep `metrics`, and run it again")
    return plot(name, experiments, metrics, means(run, experiments, metrics), labels)
