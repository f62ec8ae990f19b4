"""Cuts experiments into units that several workers compute, each taking the next one when it is idle. No torch."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from cfgsweep.engine.cut import Shard, cut
from cfgsweep.engine.trace import numbers_of_calls
from cfgsweep.sweep.experiment import Experiment

MOST_PER_WORKER = 4  # which differ in speed, and are lost: with several units each, all end at about the same time
MOST_LONGER = 1.05  # times as many batches of the busiest worker as with another number of units


def units_for(experiments: Iterable[Experiment], workers: int, batch_size: int) -> list[Shard]:
    """Up to four units a worker; fewer where more units would take longer.

    That is where pictures share many steps, and where a unit does not fill batches of so many rows.
    """
    experiments = list(experiments)
    cuts = [cut(experiments, number * workers) for number in range(1, MOST_PER_WORKER + 1)]
    longest = [max(loads(batches_of(units, batch_size), workers)) for units in cuts]
    return [units for units, load in zip(cuts, longest, strict=True) if load <= MOST_LONGER * min(longest)][-1]


def batches_of(parts: Iterable[Shard], batch_size: int) -> list[int]:
    """How many batches each part takes, at least."""
    return [least_batches(part.evaluations, longest_way(part.experiments), batch_size) for part in parts]


def least_batches(evaluations: int, calls: int, batch_size: int) -> int:
    """Batches are full, or as many as one picture has calls, which come one after the other.

    There are a few more where neither holds all the time: while many pictures still share their first steps.
    """
    return max(calls, -(-evaluations // batch_size))


def longest_way(experiments: Iterable[Experiment]) -> int:
    """The most calls of the denoiser that one of the pictures needs."""
    return max((calls for calls, _ in numbers_of_calls(experiments)), default=0)


def loads(sizes: Sequence[int], workers: int) -> list[int]:
    """What every worker gets, where the largest comes first and the next one goes to the worker with the least."""
    found = [0] * workers
    for size in sorted(sizes, reverse=True):
        heapq.heappush(found, heapq.heappop(found) + size)
    return found
