"""`cfgsweep.phase`: searches for phase changes, from Python and for the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import ConfigDict

from cfgsweep.config import user_code
from cfgsweep.execution.api import Overrides, SweepLike, assignments, folder_of, load_sweep, run_folder_of
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.execution.options import Options
from cfgsweep.execution.run import Run
from cfgsweep.execution.run_api import open_run, opened_run
from cfgsweep.phases.plot_windows import figure_of_windows
from cfgsweep.phases.report import Report, table, transition_rows
from cfgsweep.phases.run_search import find_phases, folder_for
from cfgsweep.phases.windows import Windows
from cfgsweep.reports.grid_names import as_file_name
from cfgsweep.reports.write import write_plot
from cfgsweep.storage.report_fields import TransitionFields
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system import display as displays
from cfgsweep.system.picture_files import opened

KEPT = "kept"  # the usual metric of a window
Numbers = float | Sequence[float]  # two where a map is searched


class FoundTransition(TransitionFields):
    """A value at which the picture changes fast, with the fields of phase.json; see docs/fields.md.

    Those that an earlier version's report lacks are None.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    title: str
    """of the search: what else varies in the sweep"""


@dataclass(frozen=True)
class PhaseResult:
    """What a search found. `report` is the content of phase.json. page_file: None where no page was written."""

    report: Report
    folder: Path
    page_file: Path | None = None

    @property
    def transitions(self) -> list[FoundTransition]:
        """Those of all searches, in the order of the searches and by rising value."""
        return [
            FoundTransition(title=search["title"], **found)
            for search in self.report["searches"]
            for found in search["transitions"]
        ]

    @property
    def plot(self) -> Image.Image:
        """The drawing of phase.png: slopes or a map, and the pictures on both sides."""
        return opened(self.plot_file)

    @property
    def plot_file(self) -> Path:
        return self.folder / "phase.png"

    @property
    def run(self) -> Run:
        """The run folder, in which every value that was looked at is an experiment."""
        return open_run(self.folder)

    def lines(self) -> list[str]:
        return table(self.report)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = transition_rows(self.report)
        return displays.html_table(rows, self.report["name"], head)


@dataclass(frozen=True)
class WindowResult:
    """The windows of a run. plot_file: None where none was drawn."""

    windows: Windows
    plot_file: Path | None

    def lines(self) -> list[str]:
        return self.windows.lines()

    def as_json(self) -> dict[str, Any]:
        return self.windows.as_json()

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.windows._repr_html_()


def phase(
    sweep: SweepLike | Run,
    *,
    search: str | Sequence[str] | None = None,
    low: Numbers | None = None,
    high: Numbers | None = None,
    tolerance: Numbers | None = None,
    scan: int | Sequence[int] | None = None,
    distance: str | None = None,
    out: str | os.PathLike[str] | None = None,
    model: str | None = None,
    overrides: Overrides = None,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int | None = None,
    gpus: int | str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    mixed: bool = False,
    wait: bool = False,
    allow_pickle: bool = False,
    allow_code: bool = False,
    page: bool = True,
    quiet: bool = False,
    command: str = "python",
) -> PhaseResult:
    """Find the values at which the picture abruptly changes.

    sweep: as `cfgsweep.run` takes it; or a run or its folder, whose pictures are taken over.
    search: what to vary: value, guider.NAME.PARAMETER or schedule.NAME.PARAMETER; two of them for a map.
    low, high: the range. tolerance: how exactly to know a transition. scan: number of values of the first round.
    distance: what makes two pictures different: layout, pixels, ssim, latents, features, clip, dino, lpips, dreamsim.
    out: the run folder; outputs/<name>, or beside the run that the search begins with, if not given.
    The other arguments are those of `cfgsweep.run`.

    Raises UserError where the sweep, the search or an option is not right, RunFailed where a picture fails.
    """
    settings: dict[str, Any] = {"low": low, "high": high, "tolerance": tolerance, "scan": scan, "distance": distance}
    given = {f"phase.{name}": value for name, value in settings.items() if value is not None}
    given |= {"search": search} if search else {}
    all_overrides = [*assignments(overrides), *assignments(given)]
    begun_with = run_folder_of(sweep)
    run = RunFolder(begun_with) if begun_with else None
    found, document = load_sweep(sweep, all_overrides, allow_code)
    folder = folder_of(found, out) if out is not None or run is None else folder_for(run)
    options = Options(
        model=model,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        cluster=ClusterRequest.of(cluster, gpus, workers),
        mixed=mixed,
        allow_pickle=allow_pickle,
        wait=wait,
        command=command,
        page=page,
    )
    display = displays.choose(quiet)
    try:
        with user_code.allow_code(allow_code), document.error_context():
            report, page_file = find_phases(found, run, folder, options, display)
            return PhaseResult(report, folder, page_file)
    finally:
        display.close()


def window(
    run: Run | str | os.PathLike[str], *, metric: str = KEPT, where: Sequence[str] | None = None, draw: bool = True
) -> WindowResult:
    """Where a metric changes over the noise of U-turns or the place of forks: half-way where, and within which width.

    metric: one that the run has measured. where: take only pictures for which these conditions hold, as `Run.where`
    takes them. draw: whether the plot is written into the run's folder, as grids/NAME-window.png; of another
    metric than `kept`, as grids/NAME-window=METRIC.png.

    Raises UserError where neither `start` nor `fork` varies, or the metric was not measured.
    """
    opened = opened_run(run, where)
    name, folder = opened.sweep.name, opened.run_folder
    windows = Windows.of(opened.experiments, folder.records_of(opened.experiments), metric)
    if not draw:
        return WindowResult(windows, None)
    figure, what = figure_of_windows(name, windows), "window" if metric == KEPT else as_file_name(f"window={metric}")
    return WindowResult(windows, write_plot(folder, figure, name, what, None, opened.chosen))
