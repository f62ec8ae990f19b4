"""The page of a run that is being computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cfgsweep.errors import CfgsweepError
from cfgsweep.execution.session import RunSession
from cfgsweep.models.video import Thumbnail
from cfgsweep.pages.keep import keep_page, not_written
from cfgsweep.pages.live import LivePage
from cfgsweep.pages.thumbs import Colours, make_thumbs, thumb_name, write_thumb
from cfgsweep.storage.open_run import with_earlier
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep

WRITTEN_AT_A_STOP = 2_000  # experiments, whose page takes a second or two


class RunPage:
    """Writes the page of a session's run, as its options say: at the end, and with `live` from the beginning on.

    Thumbnails are made with the pictures, or when these are saved, so that little is left to do at the end. Where
    nothing can be written, as on a full disk, a notice says so, and the run goes on without a page.
    """

    def __init__(self, session: RunSession, sweep: Sweep, experiments: Sequence[Experiment]):
        self.session, self.run = session, session.run_folder
        self.sweep, self.experiments = sweep, experiments
        self._has_begun, self._has_failed = False, False
        self._live: LivePage | None = None
        self._colours = Colours()  # of the thumbnails that were made

    @property
    def _is_wanted(self) -> bool:
        """Shards have no page unless it is a live one: the merged run has it."""
        options = self.session.options
        return options.page and (options.shard is None or options.live)

    def begin(self) -> None:
        """The run begins to compute. Another call changes nothing."""
        if self._has_begun or not self._is_wanted:
            return
        self._has_begun = True
        self.session.listeners.append(self._add)
        self.session.take_thumb = self._take
        if self.session.options.live:
            with self._without_it_if_that_fails():
                self._live = LivePage(self.run, self.sweep, with_earlier(self.run, list(self.experiments)))

    def _take(self, record: DoneRecord, thumb: Thumbnail) -> None:
        """Write a thumbnail that was made with its picture, which is saved."""
        if self._has_failed:
            return
        with self._without_it_if_that_fails():
            name = thumb_name(record)
            write_thumb(self.run.page, name, thumb)
            self._colours[name] = thumb.colour
            if self._live is not None:
                self._live.know_thumb(name, thumb.colour)

    def _add(self, record: Record) -> None:
        if self._has_failed:
            return
        with self._without_it_if_that_fails():
            if self._live is not None:
                self._live.add(record)
            else:
                self._colours |= make_thumbs(self.run, [record], self.run.page, self._colours)

    def end(self) -> Path | None:
        """The run has what it will have. The path of the page; None where there is none."""
        if not self._is_wanted:
            return None
        shown = with_earlier(self.run, list(self.experiments))
        return keep_page(self.run, self.sweep, shown, self.session.display.notice, self._colours)

    def stop(self) -> None:
        """The run was stopped. It ends soon, also where there is much."""
        if len(self.experiments) <= WRITTEN_AT_A_STOP:
            self.end()
        elif self._live is not None:
            with self._without_it_if_that_fails():
                self._live.stop()
        elif self._is_wanted:
            self.session.display.notice(
                f"a page of so many pictures takes long: `cfgsweep page {self.run.folder}` writes it"
            )

    @contextmanager
    def _without_it_if_that_fails(self) -> Iterator[None]:
        try:
            yield
        except (OSError, CfgsweepError) as error:
            self._live, self._has_failed = None, True
            self.session.display.notice(not_written(error))
