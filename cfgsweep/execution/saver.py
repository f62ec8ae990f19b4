"""Saves results as they come, and encodes large pictures in threads, while the device and the engine go on."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple

from cfgsweep.engine.results import Failed, Finished
from cfgsweep.execution.job import Job
from cfgsweep.models.device import cores
from cfgsweep.models.video import EncodedPicture, frame_count
from cfgsweep.storage.png import encoded

LARGE = 2**16  # pixels, from which on encoding takes longer than handing over: 0.3 s for 1024x1024
MOST_THREADS = 4
MOST_WAITING = 8  # pictures that are encoded or wait for it


class Ready(NamedTuple):
    """A result, and the file of its picture; None where it has none yet."""

    result: Finished | Failed
    file: EncodedPicture | None


class Saver:
    """Saves the results of one task of a job, in their order. At the end of the block all are saved, also at an error.

    Zlib does not hold up other threads of Python.
    """

    def __init__(self, job: Job, batch_size: int):
        self.job, self.batch_size = job, batch_size
        self._pool = ThreadPoolExecutor(min(MOST_THREADS, cores()))
        self._waiting: deque[Future[Ready]] = deque()

    def __enter__(self) -> Saver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._pool:
            while self._waiting:
                self._save_oldest()

    def add(self, result: Finished | Failed) -> None:
        if isinstance(result, Finished) and _is_large(result):
            self._waiting.append(self._pool.submit(_ready, result))
        else:
            ready: Future[Ready] = Future()
            ready.set_result(Ready(result, None))
            self._waiting.append(ready)
        self.save_ready()

    def save_ready(self) -> None:
        """Save those that are encoded, and wait for some where too many are not."""
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > MOST_WAITING):
            self._save_oldest()

    def _save_oldest(self) -> None:
        result, file = self._waiting.popleft().result()
        self.job.save(result, self.batch_size, file)


def _is_large(result: Finished) -> bool:
    image = result.image
    return not isinstance(image, EncodedPicture) and image.width * image.height * frame_count(image) >= LARGE


def _ready(result: Finished) -> Ready:
    previews = None if result.previews is None else encoded(result.previews)
    return Ready(replace(result, previews=previews), encoded(result.image))
