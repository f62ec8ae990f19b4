"""The work of one process in a run folder, under the lock of the folder, with notices for the user."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.errors import RunFailed
from cfgsweep.execution.options import Options
from cfgsweep.execution.run_settings import RunSettings
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.models.machine import Machine
from cfgsweep.models.video import Thumbnail
from cfgsweep.storage.picture_copies import copy_pictures
from cfgsweep.storage.picture_kinds import kind_of_roots, made_in
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.verify import repair
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display
from cfgsweep.system.locks import held
from cfgsweep.system.wording import counted


class RunSession:
    """A run folder with its settings, the options of the command, and a display."""

    def __init__(self, run_folder: RunFolder, settings: RunSettings, options: Options, display: Display):
        self.run_folder, self.settings, self.options, self.display = run_folder, settings, options, display
        self.listeners: list[Callable[[Record], None]] = []  # called with every record that is saved
        self.take_thumb: Callable[[DoneRecord, Thumbnail], None] | None = None  # of a page that is kept meanwhile
        self._notices: set[str] = set()
        self.kind_of_roots: dict[StartKey, DeviceKind] = {}  # that makes the other pictures, in a mixed folder

    @classmethod
    def begin(
        cls,
        sweep: Sweep,
        folder: Path,
        options: Options,
        display: Display,
        like: RunFolder | None = None,
        machine: Machine | None = None,
    ) -> RunSession:
        """Settle how the folder's pictures are computed. Writes nothing, and loads no model.

        like: a run whose pictures are copied into a new folder, so that the others have to be computed like them.
        machine: that computes, if not this one.
        """
        run_folder = RunFolder(folder)
        found = run_folder.environment() or (like.environment() if like else None)
        return cls(run_folder, RunSettings.settle(sweep, found, options, display, machine), options, display)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Create and lock the folder, and repair what can be repaired without computing.

        Raises UserError where something else is in the folder, or where another process is at work in it and the
        options do not say to wait; RunFailed where the folder is removed in the meantime.
        """
        self.run_folder.create()
        with held(self.run_folder.folder, self.options.wait, self.display.notice) as waited:
            if waited:
                self.settings.settle_again(self.run_folder.environment(), self.display)
            if self.run_folder.environment() is None:
                self.write_environment()  # first of all: by this file the folder is known to be a run's
            repair(self.run_folder, self.display)
            try:
                yield
            except FileNotFoundError as error:
                if self.run_folder.environment_file.exists():  # folders of thumbnails may be there anew
                    raise
                where = str(self.run_folder.folder)
                raise RunFailed("the folder is gone: moved, or removed", where=where) from error

    def expand(self, sweep: Sweep) -> list[Experiment]:
        """The sweep's experiments, with the names of the models that run."""
        return expand(sweep, runs_as=self.settings.runs_as())

    def pending(self, experiments: Sequence[Experiment], done: Container[str]) -> list[Experiment]:
        """The experiments to compute, as the options have it. done: ids of those that have their pictures."""
        candidates = self.run_folder.failed(experiments) if self.options.retry_failed else experiments
        return [e for e in candidates if e.id not in done][: self.options.limit]

    def copy_pictures(self, other: RunFolder) -> int:
        """Copy the pictures of another run that were made as this folder's are; return how many."""
        alike, refused, theirs = [], [], other.environment()
        for record in other.records().values():
            if isinstance(record, DoneRecord):
                reason = self.settings.difference(record, theirs)
                refused += [reason] if reason else []
                alike += [] if reason else [record]
        if refused:
            self.display.notice(
                f"{counted(len(refused), 'picture')} of {other.folder} {'is' if len(refused) == 1 else 'are'} "
                "not taken over, since made otherwise: " + "; ".join(dict.fromkeys(refused))
            )
        return copy_pictures(other, self.run_folder, alike)

    def notice_once(self, notice: str) -> None:
        """Show a notice, unless this session has shown it before: a search computes in many rounds."""
        if notice not in self._notices:
            self._notices.add(notice)
            self.display.notice(notice)

    def note_batch_size(self, model: str, size: tuple[int, int], batch_size: int) -> None:
        """Use this batch size for the model's pictures of this size, and write it into the folder."""
        self.settings.note_batch_size(model, size, batch_size)
        self.write_environment()

    def note_row_bytes(self, model: str, size: tuple[int, int], taken: int) -> None:
        """Write into the folder what a row of the model's pictures of this size was measured to take."""
        self.settings.note_row_bytes(model, size, taken)
        self.write_environment()

    def note_batch_seconds(self, model: str, size: tuple[int, int], seconds: float) -> None:
        """Write into the folder what a batch of the model's pictures of this size was measured to take."""
        self.settings.environment.note_batch_seconds(model, size, seconds)
        self.write_environment()

    def note_kind(self, kind: DeviceKind) -> None:
        """Write into a mixed folder that pictures are made on this kind of device."""
        if self.settings.environment.note_kind(kind):
            self.write_environment()

    def note_roots(self, experiments: Sequence[Experiment]) -> None:
        """Take note of the kinds of device of their roots, as far as there are pictures of these in a mixed folder."""
        if self.settings.environment.mixed:
            self.kind_of_roots = kind_of_roots(made_in(self.run_folder, experiments)) | self.kind_of_roots

    def write_environment(self) -> None:
        self.run_folder.write_environment(self.settings.as_json())
