"""Losses to TensorBoard, or to whatever tracker `accelerate` knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError, shorten, unknown_name
from cfgsweep.training.config import TrainConfig
from cfgsweep.training.loop import Progress


class Tracker:
    """Does nothing where the training file names no tracker. Raises UserError for one that cannot be had."""

    def __init__(self, config: TrainConfig):
        self.config = config
        self.kind = _kind(config.tracker) if config.tracker else None
        self.trackers: list[Any] = []

    def begin(self, folder: Path) -> None:
        """Write from now on, those that write files below the folder."""
        if self.kind is None:
            return
        place = {"logging_dir": str(folder / "tracker")} if self.kind.requires_logging_directory else {}
        try:
            tracker = self.kind(self.config.name, **place)
            tracker.start()
        except Exception as error:  # an account or a server that is not there
            raise UserError(shorten(str(error)), where="tracker", given=self.config.tracker) from None
        self.trackers = [tracker]

    def log(self, progress: Progress) -> None:
        """The training loss of every step, and the held-out loss where it was measured."""
        for tracker in self.trackers:
            values = {f"{progress.task}/loss": progress.loss}
            if progress.held_out is not None:
                values[f"{progress.task}/held_out"] = progress.held_out
            tracker.log(values, step=progress.step)

    def close(self) -> None:
        for tracker in self.trackers:
            tracker.finish()


def _kind(name: str) -> Any:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

    if name not in LOGGER_TYPE_TO_CLASS:
        raise unknown_name("tracker", name, LOGGER_TYPE_TO_CLASS, "tracker")
    if name not in map(str, get_available_trackers()):
        hint = "tensorboard takes tensorboardX" if name == "tensorboard" else ""
        raise UserError("its package is not installed", where="tracker", given=name, hint=hint)
    return LOGGER_TYPE_TO_CLASS[name]
