"""Actors of Ray that compute nothing: they hand out one picture as often as is asked, by the pool that runs use.

To be imported when Ray is connected: it reads its token when it is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

from cfgsweep.execution.cluster.actor import ModelActor
from cfgsweep.execution.cluster.pool import ActorPool, Slot
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.execution.cluster.schedule import Schedule
from cfgsweep.execution.cluster.spread import spread
from cfgsweep.models.video import EncodedPicture
from cfgsweep.system.display import SilentDisplay


@dataclass(frozen=True)
class HandedOut:
    """A picture, and its place among the items of the task."""

    number: int
    picture: EncodedPicture


class IdleActor(ModelActor):
    """Has a picture."""

    def take(self, picture: EncodedPicture) -> None:
        self.picture = picture

    def hand_out(self, number: int, items: Sequence[int]) -> Iterator[HandedOut]:
        for place in range(len(items)):
            yield HandedOut(place, self.picture)


class IdlePool(ActorPool):
    """Of such actors."""

    def _new_actor(self) -> Any:
        return ray.remote(IdleActor).options(max_concurrency=2, num_cpus=0).remote(self.setup)


class Handing:
    """The work of handing out a picture."""

    method = "hand_out"

    def __init__(self, pool: IdlePool, picture: EncodedPicture):
        self.pool, self.picture, self.needs = pool, picture, object()

    def prepare_others(self) -> None:
        self.pool.prepare(self.needs, "take", (self.picture,), lambda slot, answer: None)

    def given(self, items: Sequence[int]) -> tuple[Sequence[int]]:
        return (items,)

    def came(self, message: HandedOut) -> None:
        pass


@contextmanager
def idle_actors(
    request: ClusterRequest, count: int
) -> Iterator[Callable[[EncodedPicture, int], Iterator[EncodedPicture]]]:
    """Within the block, a function that gives a picture so many times, each time from one of the actors."""
    pool = IdlePool.start(request, count, "cpu", "float32", SilentDisplay())

    def stream(picture: EncodedPicture, pictures: int) -> Iterator[EncodedPicture]:
        units = [(range(start, pictures, 4 * count), 1.0) for start in range(4 * count)]
        schedule: Schedule[int, Slot] = Schedule(units)
        for _, answer in spread(pool, schedule, Handing(pool, picture)):
            yield answer.picture

    try:
        yield stream
    finally:
        pool.close()
