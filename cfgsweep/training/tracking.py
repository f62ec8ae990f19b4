"""Logs losses to TensorBoard or another tracker of `accelerate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError, shorten, unknown_name
from cfgsweep.training.config import TrainingFile
from cfgsweep.training.loop import Progress


class Tracker:
    """Logs to the tracker that the training file names, if any.

    Raises UserError where the tracker is unknown, or its package is not installed.
    """

    def __init__(self, file: TrainingFile):
        self.file = file
        self.kind = _kind(file.tracker) if file.tracker else None
        self.trackers: list[Any] = []

    def begin(self, folder: Path) -> None:
        """Starts the tracker; those that write files write below the folder. Raises UserError where it cannot start."""
        if self.kind is None:
            return
        place = {"logging_dir": str(folder / "tracker")} if self.kind.requires_logging_directory else {}
        try:
            tracker = self.kind(self.file.name, **place)
            tracker.start()
        except Exception as error:  # such as a missing account or server
            raise UserError(shorten(str(error)), given=self.file.tracker).at_key("tracker") from None
        self.trackers = [tracker]

    def log(self, progress: Progress) -> None:
        """Logs the training loss of a step, and the measures on held-out and training data where it has them."""
        for tracker in self.trackers:
            values = {f"{progress.task}/loss": progress.loss}
            if progress.held_out is not None and progress.training is not None:
                values[f"{progress.task}/held_out"] = progress.held_out
                values[f"{progress.task}/training"] = progress.training
            tracker.log(values, step=progress.step)

    def close(self) -> None:
        """Ends the log."""
        for tracker in self.trackers:
            tracker.finish()


def _kind(name: str) -> Any:
    """The tracker class of accelerate. Raises UserError where it is unknown or its package is not installed."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

    if name not in LOGGER_TYPE_TO_CLASS:
        raise unknown_name("tracker", name, LOGGER_TYPE_TO_CLASS).at_key("tracker")
    if name not in map(str, get_available_trackers()):
        hint = "tensorboard takes tensorboardX" if name == "tensorboard" else ""
        raise UserError("its package is not installed", given=name, hint=hint).at_key("tracker")
    return LOGGER_TYPE_TO_CLASS[name]
