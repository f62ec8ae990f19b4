"""The data of a page: its head, the plan of all cells, and files of results and details of those that were tried.

`page/src/data/types.ts` says what every file contains.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

from cfgsweep.metrics.spec import higher_is_better
from cfgsweep.pages.axes import PageAxis, page_axes
from cfgsweep.pages.details import detail_of
from cfgsweep.pages.results import Cell, results_of
from cfgsweep.pages.thumbs import Colours
from cfgsweep.pages.transitions import transitions_of
from cfgsweep.reports.measured import metric_names
from cfgsweep.reports.record_rows import Columns, part_columns
from cfgsweep.storage.artifacts import IMAGES, PREVIEWS
from cfgsweep.storage.page_files import DATA, THUMBS, script
from cfgsweep.storage.records import Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.titles import TitleLabels

POLL = 2000  # milliseconds after which a page looks for more of a run that goes on
CHUNK = 256  # cells of a file of results
MOST_FILES = 128  # of results; of more cells, each has more of them

Script = tuple[str, bytes]  # name and content of a file


@dataclass(frozen=True)
class PageData:
    """A run for its page.

    experiments: the cells. records: of those that were tried, by the experiments' ids. colours: see `make_thumbs`.
    folder: where pictures and previews are, from the page: `../` in a run folder.
    has_previews: false of a page that leaves them out.
    """

    run: RunFolder
    sweep: Sweep
    experiments: Sequence[Experiment]
    records: dict[str, Record]
    colours: Colours
    folder: str = "../"
    is_running: bool = False
    has_previews: bool = True

    @cached_property
    def axes(self) -> list[PageAxis]:
        return page_axes(self.experiments, self.sweep.search)

    @cached_property
    def ids(self) -> list[str]:
        """Of the cells: those of their records, after which the pictures are called."""
        return [self.records[e.id].id if e.id in self.records else e.id for e in self.experiments]

    @cached_property
    def columns(self) -> Columns:
        return part_columns(self.experiments)

    @cached_property
    def previews(self) -> set[str]:
        """The ids of the pictures that have some."""
        return {path.stem for path in self.run.previews.glob("*.png")} if self.has_previews else set()

    def cells(self) -> list[Cell]:
        """Those that were tried."""
        found = ((number, e, self.records.get(e.id)) for number, e in enumerate(self.experiments))
        return [(number, e, record) for number, e, record in found if record is not None]

    def plan(self) -> Script:
        axes = {axis.name: axis.codes for axis in self.axes}
        return script(f"{DATA}/plan-*.js", {"ids": self.ids, "axes": axes})

    def results(self) -> Iterator[tuple[Script, Script]]:
        """Files of results, each with that of its details."""
        chunk = max(CHUNK, -(-len(self.experiments) // MOST_FILES))
        for _, cells in itertools.groupby(self.cells(), lambda cell: cell[0] // chunk):
            yield self.segment(list(cells))

    def segment(self, cells: Sequence[Cell]) -> tuple[Script, Script]:
        """The results of these cells, and their details."""
        details = [detail_of(self.run, self.sweep, e, record, self.previews) for _, e, record in cells]
        beside = script(f"{DATA}/details-*.js", details)
        results = results_of(cells, self.colours, self.columns, (axis.name for axis in self.axes), beside[0])
        return script(f"{DATA}/results-*.js", results), beside

    def head(self, plan: str, results: Iterable[str]) -> dict[str, Any]:
        """plan, results: the names of files."""
        labels = TitleLabels(self.sweep.labels)
        metrics = metric_names(self.sweep, self.records.values())
        report = self.run.report()
        return {
            "format": 1,
            "name": self.sweep.name,
            "state": "running" if self.is_running else "done",
            "poll": POLL,
            "version": version("cfgsweep"),
            "pictures": f"{self.folder}{IMAGES}/",
            "previews": f"{self.folder}{PREVIEWS}/"
            if self.previews or (self.is_running and self.sweep.previews)
            else None,
            "thumbs": f"{THUMBS}/",
            "axes": [axis.as_json(labels) for axis in self.axes],
            "metrics": [{"name": name, "higherIsBetter": higher_is_better(name)} for name in metrics],
            "plan": plan,
            "results": list(results),
            "transitions": transitions_of(report, self.axes, self.ids) if report else [],
        }
