"""Spreads work over the actors of a pool: every item is done once, whichever actors are lost."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from cfgsweep.execution.cluster.actor import OutOfMemory
from cfgsweep.execution.cluster.mixed_schedule import MixedSchedule
from cfgsweep.execution.cluster.pool import ActorPool, Came, Slot, Through
from cfgsweep.execution.cluster.schedule import MOST_LOSSES, Schedule

Item = TypeVar("Item", bound=Hashable)
Given = TypeVar("Given", bound=Hashable, contravariant=True)
LOST = f"{MOST_LOSSES} workers were lost one after the other while they computed it"


class Work(Protocol[Given]):
    """What actors are to do with items.

    method: of `ModelActor`, a generator of messages, of which each has the `number` of an item among those given.
    """

    method: str

    @property
    def needs(self) -> object:
        """What actors are prepared for, as `ActorPool.ready` takes it."""
        ...

    def prepare_others(self) -> None:
        """Have idle actors prepared that are not yet."""
        ...

    def given(self, items: Sequence[Given]) -> tuple[object, ...]:
        """The arguments of the method."""
        ...

    def came(self, message: Any) -> None:
        """Takes note of a message, also of one about an item that another actor has done already."""
        ...


def spread(
    pool: ActorPool, schedule: Schedule[Item, Slot] | MixedSchedule[Item, Slot, Any, Any], work: Work[Item]
) -> Iterator[tuple[Item, Any]]:
    """Items with their messages, as they come; in the place of the message of an item that fails, a text that says why.

    Raises MemoryError where an actor's device has not memory enough, and what an actor raises.
    """
    given: dict[Slot, Sequence[Item]] = {}
    try:
        while schedule.left:
            work.prepare_others()
            for slot in pool.ready(work.needs):
                if found := schedule.next_for(slot):
                    given[slot] = found
                    pool.begin(slot, work.method, *work.given(found))
            yield from schedule.given_up().items()
            for event in pool.events():
                if isinstance(event, Through):
                    schedule.stopped(event.slot)
                elif isinstance(event, Came):
                    if isinstance(event.message, OutOfMemory):
                        raise MemoryError(event.message.text)
                    work.came(event.message)
                    item = given[event.slot][event.message.number]
                    if schedule.done(item):
                        yield item, event.message
                else:
                    yield from ((item, LOST) for item in schedule.lost(event.slot))
                for slot in schedule.needless():
                    pool.leave(slot)
    finally:
        for slot in given:
            pool.leave(slot)
