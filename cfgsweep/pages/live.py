"""The page of a run that goes on: it grows by files that never change, and the head is replaced."""

from __future__ import annotations

import dataclasses
import time
from collections import ChainMap
from collections.abc import Sequence

from cfgsweep.pages.data import PageData
from cfgsweep.pages.thumbs import Colours, make_thumbs
from cfgsweep.pages.write import write_alone, write_head, write_scripts, writing
from cfgsweep.storage.page_files import thumb_file
from cfgsweep.storage.records import Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep

MOST_WAITING, SECONDS = 64, 2.0  # after how many pictures, or how long, the page is written


class LivePage:
    """Begins with a page of what is there."""

    def __init__(self, run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment]):
        self.run, self.sweep, self.experiments = run, sweep, experiments
        self._numbers = {e.id: number for number, e in enumerate(experiments)}
        self._made = Colours()  # of thumbnails that have been written since the page was
        with writing(run.page):
            self._begin()

    def _begin(self) -> None:
        self._page = write_alone(self.run, self.sweep, self.experiments, is_running=True)
        self._waiting: dict[int, Record] = {}
        self._written = time.monotonic()

    def know_thumb(self, name: str, colour: int) -> None:
        """A thumbnail of this name has been written, with a picture whose record comes next."""
        self._made[name] = colour

    def add(self, record: Record) -> None:
        """A new record, of a picture that has just been saved, or failed. One of no cell is left out."""
        number = self._numbers.get(record.id)
        if number is None:
            return
        self._waiting[number] = record
        if len(self._waiting) >= MOST_WAITING or time.monotonic() - self._written >= SECONDS:
            self._write(self._page.data)

    def stop(self) -> None:
        """Write what has come, as a page of a run that does not go on.

        It does not count as current: numbers that were measured since, and controls, are not on it.
        """
        self._write(dataclasses.replace(self._page.data, is_running=False))

    def _write(self, data: PageData) -> None:
        with writing(self.run.page):
            self._add_waiting(data)

    def _add_waiting(self, data: PageData) -> None:
        page, folder = self._page, self.run.page
        if not all((folder / name).is_file() for name in (page.plan, *page.results)):  # another command wrote the page
            self._begin()
            page = self._page
            data = dataclasses.replace(page.data, is_running=data.is_running)
        new = dict(sorted(self._waiting.items()))
        data.records.update({self.experiments[number].id: record for number, record in new.items()})
        # Another command, which writes the page, removes thumbnails of pictures that it does not know yet.
        made = {name: colour for name, colour in self._made.items() if thumb_file(folder, name).is_file()}
        data.colours.update(make_thumbs(self.run, new.values(), folder, ChainMap(made, data.colours)))
        data.previews.update(one.id for one in new.values() if self.run.preview_path(one.id).is_file())
        if new:
            segment = data.segment([(number, self.experiments[number], record) for number, record in new.items()])
            write_scripts(segment, folder)
            page.results.append(segment[0][0])
        write_head(data, folder, page.plan, page.results)
        self._waiting, self._made, self._written = {}, Colours(), time.monotonic()
