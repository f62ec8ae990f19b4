"""Saves the results of an engine as they come."""

from __future__ import annotations

from cfgsweep.engine.results import Failed, Finished
from cfgsweep.errors import RunFailed
from cfgsweep.execution.encoding import Encoder
from cfgsweep.execution.job import Job


class Saver:
    """Saves the results of one task of a job, in their order. At the end of the block all are saved, also at an error.

    Large pictures are encoded meanwhile: they are saved with the next result, or after a batch by `save_ready`.
    thumbs: whether they get thumbnails, too.
    """

    def __init__(self, job: Job, batch_size: int, thumbs: bool = False):
        self.job, self.batch_size, self._encoder = job, batch_size, Encoder(thumbs)

    def __enter__(self) -> Saver:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        stopped: BaseException | None = None
        with self._encoder:
            for result, file in self._encoder.rest():
                try:
                    self.job.save(result, self.batch_size, file)
                except (RunFailed, KeyboardInterrupt) as problem:  # which are raised once a result is saved
                    stopped = stopped or problem
        if stopped and error is None:
            raise stopped

    def add(self, result: Finished | Failed) -> None:
        self._encoder.add(result)
        self.save_ready()

    def save_ready(self) -> None:
        """Save those that are encoded, and wait for some where too many are not."""
        for result, file in self._encoder.ready():
            self.job.save(result, self.batch_size, file)
