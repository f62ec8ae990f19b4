"""Which rows go into the next batch."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from cfgsweep.engine.trajectory import Row, Trajectory

T = TypeVar("T")


def pad(rows: Sequence[T], size: int) -> list[T]:
    """The rows, with the last one repeated until there are `size` of them."""
    return [*rows, *[rows[-1]] * (size - len(rows))]


class BatchQueue:
    """Rows that wait for a batch. A batch has rows of one key alone.

    The rows of a trajectory stay together where they can, because its step takes all of them. Trajectories at early
    calls come first: a sweep takes as long as the trajectory that is finished last.
    """

    def __init__(self, batch_size: int, key: Callable[[Row], Hashable]):
        """key: what rows must have in common to be predicted in one call: perturbation, network, shapes."""
        self.batch_size, self.key = batch_size, key
        self.queues: dict[Hashable, list[list[Row]]] = {}

    def __bool__(self) -> bool:
        return any(self.queues.values())

    def add(self, trajectory: Trajectory) -> None:
        """Add the rows of a trajectory that can be predicted now and were not added before."""
        groups: dict[Hashable, list[Row]] = {}
        for forward_pass in trajectory.request_passes():
            row = trajectory, forward_pass
            groups.setdefault(self.key(row), []).append(row)
        for key, rows in groups.items():
            queue = self.queues.setdefault(key, [])
            insort(queue, rows, key=lambda rows: rows[0][0].node.call)

    def next_batch(self) -> list[Row]:
        """Remove and return up to `batch_size` rows, from the longest queue."""
        key = max(self.queues, key=lambda key: sum(map(len, self.queues[key])))
        queue = self.queues[key]
        batch: list[Row] = []
        kept = []
        for rows in queue:
            room = self.batch_size - len(batch)
            if len(rows) <= room:
                batch += rows
            elif len(rows) > self.batch_size and not batch:  # too many for any batch: they have to be divided
                batch += rows[:room]
                kept.append(rows[room:])
            else:
                kept.append(rows)
        queue[:] = kept
        if not kept:
            del self.queues[key]  # some keys are those of one row alone
        return batch
