"""A run folder as a Python object: its sweep, its experiments, their records and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from PIL import Image

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.execution.export import export_mp4
from cfgsweep.models.video import frames_of
from cfgsweep.reports.grid_style import GridStyle, StyleOptions
from cfgsweep.reports.measured import metric_names
from cfgsweep.reports.record_rows import rows_of
from cfgsweep.reports.write import METRICS, Grids, plotted, write_grids, write_plot
from cfgsweep.reports.write_table import table
from cfgsweep.storage.open_run import controls_of_run, sweep_of_run
from cfgsweep.storage.png import as_image, diagnostics_in
from cfgsweep.storage.previews import previews_of
from cfgsweep.storage.records import DoneRecord, FailedRecord, Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.verify import findings
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.compare_settings import CompareSettings
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.titles import TitleLabels, axes_of, title, varying
from cfgsweep.sweep.where import chosen
from cfgsweep.system.display import Lines, html_table
from cfgsweep.system.wording import counted

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Result:
    """One experiment of a run, with its record if it was tried."""

    experiment: Experiment
    title: str
    record: Record | None
    folder: RunFolder

    @property
    def id(self) -> str:
        return self.experiment.id

    @property
    def status(self) -> str:
        """'done', 'failed', or 'missing' where the experiment was not tried yet."""
        return "missing" if self.record is None else self.record.status

    @property
    def reason(self) -> str | None:
        """Why there is no picture, of a failed experiment."""
        return self.record.reason if isinstance(self.record, FailedRecord) else None

    @property
    def image(self) -> Image.Image:
        """The picture; of a video the first frame. Raises UserError where there is none."""
        return self.frames[0]

    @property
    def frames(self) -> tuple[Image.Image, ...]:
        """All frames of a video, or the one that a picture is. Raises UserError where there is none."""
        if not isinstance(self.record, DoneRecord):
            problem = f"failed: {self.reason}" if self.record else "not computed yet"
            raise UserError(f"this experiment has no picture: {problem}", where=self.id)
        return frames_of(self.folder.load_picture(self.record))

    @property
    def diagnostics(self) -> dict[str, list[float | None]]:
        """The numbers of the picture's guidance, by their names, one for every call of the denoiser; see `Diagnostics`.

        Empty where the sweep asked for none, or there is no picture.
        """
        found = diagnostics_in(self.folder.image_path(self.id)) if isinstance(self.record, DoneRecord) else None
        return {name: found.column(name) for name in found.fields} if found else {}

    @property
    def previews(self) -> tuple[Image.Image, ...]:
        """x0 of some steps, the last one of the last step; empty where the sweep did not ask for `previews`.

        Raises OSError where the file is damaged.
        """
        return previews_of(self.folder, self.id)

    def _repr_png_(self) -> bytes | None:
        return self.folder.image_path(self.record.id).read_bytes() if isinstance(self.record, DoneRecord) else None


@dataclass(frozen=True)
class Verification:
    """What is wrong in a run folder, one sentence each, and how many of its experiments have a whole picture.

    others: how many records are of no sweep that the folder knows.
    """

    findings: Lines
    done: int
    experiments: int
    others: int = 0

    @property
    def ok(self) -> bool:
        return not self.findings

    def summary(self) -> str:
        whole = f"{self.done} of {counted(self.experiments, 'picture', ('is', 'are'))} there and whole"
        whole += (
            f"; {self.others} more {'is' if self.others == 1 else 'are'} of no sweep in this folder"
            if self.others
            else ""
        )
        left = self.experiments - self.done
        whole += f", {left} {'is' if left == 1 else 'are'} still to be computed" if self.ok and left else ""
        return whole + (", and nothing is amiss" if self.ok else "")

    def __str__(self) -> str:
        return "\n".join([*self.findings, self.summary()])


def _beside_guidance(e: Experiment) -> tuple[object, ...]:
    """The settings in which a control is equal to what it is compared with."""
    return tuple(getattr(e, name) for name in AXES if name not in ("guider", "schedule", "value", "steps"))


class Run:
    """A run folder as it was when it was opened. Iterating over it gives the finished pictures in the sweep's order."""

    def __init__(
        self,
        folder: RunFolder,
        sweep: Sweep,
        experiments: Sequence[Experiment],
        grids: Sequence[Path] = (),
        failures: Sequence[Experiment] = (),
        page: Path | None = None,
    ):
        """grids, page, failures: what the call of `cfgsweep.run` that returns this wrote, and could not compute."""
        self.chosen: list[str] = []  # the conditions of `where`
        self.sweep, self.experiments = sweep, list(experiments)
        self.grid_files, self.page_file, self._failures = list(grids), page, list(failures)
        self._folder = folder

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run folder. Raises UserError where it is none."""
        return cls(*sweep_of_run(folder))

    def where(self, *conditions: str) -> Run:
        """The part of the run for which all these hold: "guider=tnorm", "value>0.1", "seed=1,2".

        Raises UserError where one is malformed, or none of the experiments is left.
        """
        part = Run(self._folder, self.sweep, chosen(self.experiments, conditions))
        part.chosen = [*self.chosen, *conditions]
        kept = set(map(_beside_guidance, part.experiments))
        part.controls = [e for e in self.controls if _beside_guidance(e) in kept]
        return part

    @cached_property
    def controls(self) -> list[Experiment]:
        """What `compare:` added to the sweep, of which there are pictures: plain guidance that matches its cells."""
        return controls_of_run(self._folder, self.experiments)

    @property
    def folder(self) -> Path:
        return self._folder.folder

    @property
    def run_folder(self) -> RunFolder:
        """The folder with what is known of its files."""
        return self._folder

    @cached_property
    def results(self) -> dict[str, Result]:
        """Every experiment of the sweep by its id, done or not."""
        varied, records = varying(self.experiments), self._folder.records_of(self.experiments)
        return {e.id: Result(e, title(e, varied), records.get(e.id), self._folder) for e in self.experiments}

    @property
    def records(self) -> list[Record]:
        """The records of the experiments that were tried, in the sweep's order."""
        return [result.record for result in self.results.values() if result.record is not None]

    @property
    def failed(self) -> list[Result]:
        """The experiments that came to no picture; `reason` says why."""
        return [result for result in self.results.values() if result.status == "failed"]

    @property
    def failed_now(self) -> list[Result]:
        """Those that failed in the call of `cfgsweep.run` that returned this object, in that order."""
        return [self.results[e.id] for e in self._failures]

    def __getitem__(self, experiment_id: str) -> Result:
        if experiment_id not in self.results:
            raise unknown_name("experiment", experiment_id, self.results, str(self.folder))
        return self.results[experiment_id]

    def __iter__(self) -> Iterator[Result]:
        return (result for result in self.results.values() if result.status == "done")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def grid(
        self,
        rows: str | None = None,
        cols: str | None = None,
        pages: str | None = None,
        frames: int = 1,
        **style: Unpack[StyleOptions],
    ) -> Image.Image:
        """The pictures as a titled grid. Raises UserError where that takes several pages: see `grids`.

        frames: how many frames of a video are shown, side by side; the middle one if it is 1.
        title, labels, font_size, cell, caption, columns, inside, mean: how it looks, as `cfgsweep.grid` has it.
        """
        grids = self._grids(rows, cols, pages, False, frames, style)
        if len(grids.numbers) > 1:
            raise UserError("a grid of several pages", given=len(grids.numbers), hint="`grids` gives a list of them")
        return grids.draw(1)

    def grids(
        self,
        rows: str | None = None,
        cols: str | None = None,
        pages: str | None = None,
        empty_pages: bool = False,
        frames: int = 1,
        **style: Unpack[StyleOptions],
    ) -> list[Image.Image]:
        """The same, a picture a page. empty_pages: also pages after the first that have no picture yet."""
        grids = self._grids(rows, cols, pages, empty_pages, frames, style)
        return [grids.draw(number) for number in grids.numbers]

    def write_grids(
        self,
        rows: str | None = None,
        cols: str | None = None,
        pages: str | None = None,
        out: Path | None = None,
        plot: bool | str = False,
        empty_pages: bool = False,
        frames: int = 1,
        format: str | None = None,
        **style: Unpack[StyleOptions],
    ) -> list[Path]:
        """The same in files, `out`, `out-2` and so on, in the run's own folder if not given; returns their paths.

        format: png, pdf or svg; that of `out` if not given. plot: `metrics` (True) or `diagnostics`, to be drawn, too.
        """
        look, what = self._look(style), plot if isinstance(plot, str) else METRICS
        figure = plotted(*self._measured(look.title), look.titles, what) if plot else None
        paths = write_grids(self._grids(rows, cols, pages, empty_pages, frames, style), out, format)
        if figure is not None:
            paths.append(write_plot(self._folder, figure, self.sweep.name, what, format, self.chosen))
        return paths

    def _grids(
        self,
        rows: str | None,
        cols: str | None,
        pages: str | None,
        empty_pages: bool,
        frames: int,
        style: StyleOptions,
    ) -> Grids:
        look = self._look(style)
        name, experiments = self.sweep.name, self.experiments
        return Grids.of(self._folder, name, experiments, rows, cols, pages, empty_pages, frames, self.chosen, look)

    def _look(self, style: StyleOptions) -> GridStyle:
        return GridStyle(**style, of_sweep=self.sweep.labels, axes=axes_of(self.experiments))

    def compared(self) -> tuple[list[Experiment], dict[str, Record], CompareSettings]:
        """The experiments and their controls, their records by id, and the settings of comparisons."""
        both = [*self.experiments, *self.controls]
        return both, self._folder.records_of(both), self.sweep.compare or CompareSettings()

    def export_mp4(self, out: Path | None = None) -> list[Path]:
        """Write the videos as MP4 files into a folder, `videos` in the run's own if not given; return their paths.

        Raises UserError where PyAV is not installed.
        """
        return export_mp4(self._folder, self.experiments, out)

    def plot(self, what: str = METRICS) -> Image.Image:
        """The metrics of the run over the swept value, or what guidance did, call by call, with `diagnostics`.

        Raises UserError where there is nothing to draw.
        """
        return as_image(plotted(*self._measured(), TitleLabels(self.sweep.labels), what))

    def _measured(self, title: str | None = None) -> tuple[RunFolder, str, list[Experiment], list[str]]:
        return self._folder, title or self.sweep.name, self.experiments, self.metrics

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics, as records have them: those of the sweep, then others that were measured."""
        return metric_names(self.sweep, self.records)

    def verify(self) -> Verification:
        """Look for damaged pictures, lost records and unknown files. Changes nothing."""
        found = Lines(findings(self._folder))
        others = 0 if self.chosen else len(self._folder.others([*self.experiments, *self.controls]))
        return Verification(found, sum(map(self._is_seen_whole, self.experiments)), len(self.experiments), others)

    def _is_seen_whole(self, experiment: Experiment) -> bool:
        """Is the picture there and whole? False where it cannot be read."""
        try:
            return bool(self._folder.done([experiment]))
        except OSError:
            return False

    def table(self, form: str = "text", each: bool = False) -> str | bytes:
        """The metrics as means over seeds, labels and prompts with their 95% intervals, one row a setting.

        form: text, markdown, latex, csv, or parquet (bytes). each: a row for each picture, as if nothing was measured.
        Raises UserError where no picture was tried yet.
        """
        return table(self._folder, self.experiments, self.metrics, form, each)

    def to_pandas(self) -> pandas.DataFrame:
        """One row for every record: settings, parameters of guiders and schedules as columns of their own, metrics.

        Raises UserError where pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            hint = "pip install 'cfgsweep[pandas]'"
            raise UserError("pandas is not installed", where="to_pandas", hint=hint) from None
        tried = [(result.experiment, result.record) for result in self.results.values() if result.record is not None]
        return pandas.DataFrame(rows_of(tried))

    def __repr__(self) -> str:
        return f"<cfgsweep.Run {str(self.folder)!r}: {len(self)} of {len(self.experiments)} pictures>"

    def _repr_html_(self) -> str:
        counts = [("folder", str(self.folder)), ("pictures", f"{len(self)} of {len(self.experiments)}")]
        failures = [(result.title, f"failed: {result.reason}") for result in self.failed]
        return html_table([*counts, *failures], caption=self.sweep.name)
