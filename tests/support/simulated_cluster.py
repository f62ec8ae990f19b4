"""Workers of a schedule on a simulated clock: how long a sweep takes when some die. No tensors, no processes."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from cfgsweep.execution.cluster.schedule import Schedule


@dataclass(frozen=True)
class Simulated:
    """What a simulation took.

    makespan: simulated seconds. computed: pictures, some of them twice. deaths: of workers. failed: pictures. cpu:
    seconds of this process.
    """

    makespan: float
    computed: int
    deaths: int
    failed: int
    cpu: float


def simulate(
    units: Sequence[tuple[Sequence[int], float]],
    workers: int,
    seconds: float,
    deaths_per_hour: float = 0.0,
    restart: float = 60.0,
    seed: int = 0,
) -> Simulated:
    """Compute units of pictures.

    seconds: for one picture, by chance between half and one and a half of it. deaths_per_hour: the share of workers
    that die in an hour. restart: seconds until there is another one in the place of one that died.
    """
    rng, ties, began = random.Random(seed), count(), time.process_time()
    schedule: Schedule[int, int] = Schedule(units)
    events = [(0.0, next(ties), worker) for worker in range(workers)]
    work: dict[int, list[int]] = {}
    idle, told = set[int](), set[int]()
    now, computed, deaths, failed = 0.0, 0, 0, 0
    while schedule.left:
        now, _, worker = heapq.heappop(events)
        if worker in work and rng.random() < deaths_per_hour * seconds / 3600:
            deaths += 1
            del work[worker]
            failed += len(schedule.lost(worker))
            heapq.heappush(events, (now + restart, next(ties), worker))
            for waiting in idle:  # there may be a unit for them now
                heapq.heappush(events, (now, next(ties), waiting))
            idle.clear()
            continue
        if worker in work:
            computed += 1
            schedule.done(work[worker].pop())
            told.update(schedule.needless())
            if worker in told or not work[worker]:
                told.discard(worker)
                del work[worker]
                schedule.stopped(worker)
        if worker not in work:
            found = schedule.next_for(worker)
            if not found:
                idle.add(worker)
                continue
            work[worker] = found[::-1]
        heapq.heappush(events, (now + seconds * (0.5 + rng.random()), next(ties), worker))
    return Simulated(now, computed, deaths, failed, time.process_time() - began)
