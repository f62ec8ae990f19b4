"""The data of a page: its head, the plan of all cells, and files of results and details of those that were tried.

`page/src/data/types.ts` says what every file contains.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cfgsweep.metrics.spec import higher_is_better
from cfgsweep.pages.axes import PageAxis, page_axes
from cfgsweep.pages.columns import column
from cfgsweep.pages.controls import Control, controls_by_id
from cfgsweep.pages.copies import Copies
from cfgsweep.pages.current import made_of
from cfgsweep.pages.details import detail_of
from cfgsweep.pages.maps import maps_of
from cfgsweep.pages.numbers import finite
from cfgsweep.pages.results import Cell, results_of
from cfgsweep.pages.thumbs import Colours, make_thumbs, thumb_name
from cfgsweep.pages.transitions import transitions_of
from cfgsweep.reports.measured import metric_names
from cfgsweep.reports.record_rows import Columns, part_columns
from cfgsweep.storage.artifacts import IMAGES, PREVIEWS
from cfgsweep.storage.open_run import controls_of_run
from cfgsweep.storage.page_files import DETAILS, PLAN, RESULTS, THUMBS, script
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.storage.report_file import searched
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.compare_settings import CompareSettings
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

    experiments: the cells. records: of those that were tried, by the experiments' ids. compared: by the ids of records,
    what their pictures are compared with. colours: see `make_thumbs`. made_of: see `made_of`.
    folder: where pictures and previews are, from the page: `../` in a run folder.
    chosen_previews: the ids of the pictures whose previews are shown; all that have some if None.
    """

    run: RunFolder
    sweep: Sweep
    experiments: Sequence[Experiment]
    records: dict[str, Record]
    compared: dict[str, Control]
    colours: Colours
    made_of: str
    folder: str = "../"
    is_running: bool = False
    chosen_previews: Collection[str] | None = None

    @classmethod
    def of(
        cls,
        run: RunFolder,
        sweep: Sweep,
        experiments: Sequence[Experiment],
        page: Path,
        known: Colours,
        others: Sequence[Experiment] | None = None,
        **options: Any,
    ) -> PageData:
        """Read what there is, and make the thumbnails that the page in a folder lacks.

        known: colours of thumbnails that are there. others: further experiments of the run, that cells may be compared
        with; the controls that `compare` added to them if None. options: the other fields.
        """
        made = made_of(run)  # first: what is written meanwhile makes another page
        both = [*experiments, *(controls_of_run(run, experiments) if others is None else others)]
        found = run.records_of(both)
        compared = controls_by_id(sweep.compare or CompareSettings(), both, found)
        records = {e.id: found[e.id] for e in experiments if e.id in found}
        compared = {one.id: compared[one.id] for one in records.values() if one.id in compared}
        shown = [*records.values(), *(control.record for control in compared.values())]
        colours = make_thumbs(run, shown, page, known)
        return cls(run, sweep, experiments, records, compared, colours, made, **options)

    @cached_property
    def report(self) -> dict[str, Any] | None:
        """Of the search that wrote the run."""
        return self.run.report()

    @cached_property
    def axes(self) -> list[PageAxis]:
        return page_axes(self.experiments, searched(self.report) if self.report else self.sweep.search)

    @cached_property
    def copies(self) -> Copies:
        return Copies(self.sweep)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Of the cells, by the ids of their records."""
        return {name: number for number, name in enumerate(self.ids)}

    @cached_property
    def ids(self) -> list[str]:
        """Of the cells: those of their records, after which the pictures are called."""
        return [self.records[e.id].id if e.id in self.records else e.id for e in self.experiments]

    @cached_property
    def columns(self) -> Columns:
        return part_columns(self.experiments)

    @cached_property
    def previews(self) -> set[str]:
        """The ids of the pictures whose previews are shown."""
        chosen = self.chosen_previews
        return {path.stem for path in self.run.previews.glob("*.png")} if chosen is None else set(chosen)

    @property
    def whole(self) -> list[DoneRecord]:
        """The records of the pictures that are there, of cells and of what they are compared with."""
        records = [*self.records.values(), *(control.record for control in self.compared.values())]
        found = {one.id: one for one in records if isinstance(one, DoneRecord) and thumb_name(one) in self.colours}
        return list(found.values())

    def cells(self) -> list[Cell]:
        """Those that were tried."""
        found = ((number, e, self.records.get(e.id)) for number, e in enumerate(self.experiments))
        return [(number, e, record) for number, e, record in found if record is not None]

    def plan(self) -> Script:
        labels = TitleLabels(self.sweep.labels)
        plan = {
            "ids": self.ids,
            "axes": {axis.name: axis.codes for axis in self.axes},
            "described": [axis.as_json(labels) for axis in self.axes],
        }
        maps = maps_of(self.report, self.numbers, labels) if self.report else []
        return script(PLAN, {**plan, "maps": maps} if maps else plan)

    def results(self) -> Iterator[tuple[Script, Script]]:
        """Files of results, each with that of its details."""
        chunk = max(CHUNK, -(-len(self.experiments) // MOST_FILES))
        for _, cells in itertools.groupby(self.cells(), lambda cell: cell[0] // chunk):
            yield self.segment(list(cells))

    def segment(self, cells: Sequence[Cell]) -> tuple[Script, Script]:
        """The results of these cells, and their details."""
        details = [detail_of(self.run, e, record, self.copies, self.previews) for _, e, record in cells]
        beside = script(DETAILS, details)
        results = results_of(cells, self.colours, self.columns, (axis.name for axis in self.axes), beside[0])
        controls = [self._control(record) for _, _, record in cells]
        results |= {"control": column(controls)} if any(controls) else {}
        return script(RESULTS, results), beside

    def _control(self, record: Record) -> dict[str, Any] | None:
        """What a picture is compared with; None where there is nothing, or no whole picture of it."""
        control = self.compared.get(record.id)
        thumb = thumb_name(control.record) if control else ""
        if control is None or thumb not in self.colours:
            return None
        return {
            "id": control.record.id,
            "thumb": thumb,
            "colour": self.colours[thumb],
            "title": control.title,
            "effectiveScale": finite(control.record.effective_scale),
            "cell": self.numbers.get(control.record.id),
        }

    def head(self, plan: str, results: Iterable[str]) -> dict[str, Any]:
        """plan, results: the names of files."""
        metrics = metric_names(self.sweep, self.records.values())
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
            "metrics": [{"name": name, "higherIsBetter": higher_is_better(name)} for name in metrics],
            "plan": plan,
            "results": list(results),
            "transitions": transitions_of(self.report, self.axes, self.numbers) if self.report else [],
        }
