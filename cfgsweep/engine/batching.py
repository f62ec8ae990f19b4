"""Rows on their way to the denoiser: which wait, which go together, and the threads that carry them."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from cfgsweep.engine.trajectory import Row, Trajectory
from cfgsweep.guidance.perturbations import Perturbation


def pad(rows: Sequence, size: int) -> list:
    """Rows up to the fixed shape, the last one repeated."""
    return [*rows, *[rows[-1]] * (size - len(rows))]


class BatchQueue:
    """Rows that wait for a batch, harmed ones apart from whole ones and each kind of harm by itself.

    A trajectory's rows stay together where they can, for it waits for the last of them; and who is furthest behind
    goes first, for a sweep is not done before its longest way is.
    """

    def __init__(self, batch_size: int):
        self.batch_size = batch_size
        self.queues: dict[Perturbation | None, list[list[Row]]] = {}

    def __bool__(self) -> bool:
        return any(self.queues.values())

    def add(self, trajectory: Trajectory) -> None:
        """Its rows that can go now."""
        groups: dict[Perturbation | None, list[Row]] = {}
        for branch in trajectory.ask():
            groups.setdefault(branch.perturbation, []).append((trajectory, branch))
        for perturbation, rows in groups.items():
            queue = self.queues.setdefault(perturbation, [])
            insort(queue, rows, key=lambda rows: rows[0][0].node.call)

    def take(self) -> list[Row]:
        """The rows of the next batch, of the queue that has the most."""
        queue = max(self.queues.values(), key=lambda queue: sum(map(len, queue)))
        batch: list[Row] = []
        kept = []
        for rows in queue:
            room = self.batch_size - len(batch)
            if len(rows) <= room:
                batch += rows
            elif len(rows) > self.batch_size and not batch:  # together they fit nowhere
                batch += rows[:room]
                kept.append(rows[room:])
            else:
                kept.append(rows)
        queue[:] = kept
        return batch


class Workers:
    """Threads that call the denoiser. Results come in the order of the calls."""

    def __init__(self, count: int):
        self.count, self.pool = count, ThreadPoolExecutor(count)
        self.calls: deque[tuple[list[Row], Future[torch.Tensor]]] = deque()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    @property
    def free(self) -> bool:
        return len(self.calls) < self.count

    @property
    def busy(self) -> bool:
        return bool(self.calls)

    def submit(self, batch: list[Row], call: Callable[[], torch.Tensor]) -> None:
        self.calls.append((batch, self.pool.submit(call)))

    def result(self) -> tuple[list[Row], torch.Tensor]:
        """The oldest call's rows and predictions; waits for it, and raises what it raised."""
        batch, future = self.calls.popleft()
        return batch, future.result()
