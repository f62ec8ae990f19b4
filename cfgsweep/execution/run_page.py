"""The page of a run that is being computed."""

from __future__ import annotations

from collections.abc import Sequence

from cfgsweep.execution.session import RunSession
from cfgsweep.pages.current import is_current
from cfgsweep.pages.live import LivePage
from cfgsweep.pages.write import write_page
from cfgsweep.storage.open_run import with_earlier
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep

WRITTEN_AT_A_STOP = 2_000  # experiments, whose page takes a second or two


class RunPage:
    """Writes the page of a session's run, as its options say: at the end, and with `live` from the beginning on."""

    def __init__(self, session: RunSession, sweep: Sweep, experiments: Sequence[Experiment]):
        self.session, self.run = session, session.run_folder
        self.sweep, self.experiments = sweep, experiments
        self._live: LivePage | None = None

    def begin(self) -> None:
        """The run begins to compute. Another call changes nothing."""
        if self.session.options.live and self._live is None:
            self._live = LivePage(self.run, self.sweep, with_earlier(self.run, list(self.experiments)))
            self.session.listeners.append(self._live.add)

    def end(self, is_new: bool = True) -> None:
        """The run has what it will have. is_new: whether there is more than before."""
        if self.session.options.page and (is_new or self._live or not is_current(self.run)):
            write_page(self.run, self.sweep, with_earlier(self.run, list(self.experiments)))

    def stop(self) -> None:
        """The run was stopped. It ends soon, also where there is much."""
        if self._live is not None:
            self._live.stop()
        elif len(self.experiments) <= WRITTEN_AT_A_STOP:
            self.end()
        elif self.session.options.page:
            self.session.display.notice(
                f"a page of so many pictures takes long: `cfgsweep page {self.run.folder}` writes it"
            )
