"""Cuts experiments into units that several workers compute, each taking the next one when it is idle. No torch."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from cfgsweep.engine.cut import Shard, cut
from cfgsweep.sweep.experiment import Experiment

MOST_PER_WORKER = 4  # which differ in speed, and are lost: with several units each, all end at about the same time
MOST_LONGER = 1.05  # times as many evaluations of the busiest worker as with another number of units


def units_for(experiments: Iterable[Experiment], workers: int) -> list[Shard]:
    """Up to four units a worker; fewer where pictures share so many steps that more units would take longer."""
    experiments = list(experiments)
    cuts = [cut(experiments, number * workers) for number in range(1, MOST_PER_WORKER + 1)]
    longest = [max(loads(units, workers)) for units in cuts]
    return [units for units, load in zip(cuts, longest, strict=True) if load <= MOST_LONGER * min(longest)][-1]


def loads(units: Sequence[Shard], workers: int) -> list[int]:
    """The evaluations of every worker, where the largest unit comes first and workers are equally fast."""
    found = [0] * workers
    for evaluations in sorted((unit.evaluations for unit in units), reverse=True):
        heapq.heappush(found, heapq.heappop(found) + evaluations)
    return found
