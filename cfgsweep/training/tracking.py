"""Losses to TensorBoard, or to whatever tracker `accelerate` knows."""

from __future__ import annotations

from pathlib import Path

from cfgsweep.errors import UserError, shorten, unknown_name
from cfgsweep.training.config import TrainConfig
from cfgsweep.training.optimise import Progress


class Tracker:
    """Does nothing where the training file names no tracker."""

    def __init__(self, config: TrainConfig, folder: Path):
        self.trackers = []
        if config.tracker is None:
            return
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

        if config.tracker not in LOGGER_TYPE_TO_CLASS:
            raise unknown_name("tracker", config.tracker, LOGGER_TYPE_TO_CLASS, "tracker")
        if config.tracker not in map(str, get_available_trackers()):
            hint = "tensorboard takes tensorboardX" if config.tracker == "tensorboard" else ""
            raise UserError("its package is not installed", where="tracker", given=config.tracker, hint=hint)
        kind = LOGGER_TYPE_TO_CLASS[config.tracker]
        place = {"logging_dir": str(folder / "tracker")} if kind.requires_logging_directory else {}
        try:
            tracker = kind(config.name, **place)
            tracker.start()
        except Exception as error:  # an account or a server that is not there
            raise UserError(shorten(str(error)), where="tracker", given=config.tracker) from None
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
