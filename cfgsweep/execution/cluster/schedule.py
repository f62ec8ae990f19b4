"""Which experiments each of several workers computes next. A pure class: no processes, no clock, no tensors.

Units of work are given out largest first. The rest of a lost worker's unit goes elsewhere; a unit that loses workers
again and again without any result in between is halved until a single experiment is left, which fails. When no unit is
left, the largest rest is given out a second time, and the first result counts.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)
Worker = TypeVar("Worker", bound=Hashable)
MOST_LOSSES = 3  # of workers in a row


@dataclass(eq=False)
class Unit(Generic[Item, Worker]):
    """Items that are computed together, those that are done taken out.

    cost: of all of them, before any was done. workers: that compute it. losses: of workers since the last result.
    """

    rest: dict[Item, None]
    cost: float
    workers: set[Worker] = field(default_factory=set)
    losses: int = 0
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.rest)

    @property
    def rest_cost(self) -> float:
        return self.cost * len(self.rest) / self.size

    def halves(self) -> tuple[Unit[Item, Worker], Unit[Item, Worker]]:
        items = list(self.rest)
        middle = len(items) // 2
        first, second = self.part(items[:middle]), self.part(items[middle:])
        first.losses = second.losses = 0
        return first, second

    def part(self, items: Sequence[Item]) -> Unit[Item, Worker]:
        """Some of the rest, as a unit that no worker has."""
        return Unit(dict.fromkeys(items), self.rest_cost * len(items) / len(self.rest), losses=self.losses)


class Schedule(Generic[Item, Worker]):
    """Gives units to workers. Items of all units are distinct."""

    def __init__(self, units: Iterable[tuple[Sequence[Item], float]]):
        """units: items with their cost, in any unit of measure."""
        self._numbers = count()  # of two units that cost the same, the earlier one comes first
        self._waiting: list[tuple[float, int, Unit[Item, Worker]]] = []
        self._given: dict[Worker, Unit[Item, Worker]] = {}
        self._unit_of: dict[Item, Unit[Item, Worker]] = {}
        self._needless: list[Worker] = []
        for items, cost in units:
            if items:
                self.add(Unit(dict.fromkeys(items), cost))

    @property
    def left(self) -> int:
        """How many items are neither done nor failed."""
        return len(self._unit_of)

    @property
    def waiting(self) -> bool:
        """Whether there are units that no worker has."""
        return bool(self._waiting)

    @property
    def rest_cost(self) -> float:
        """Of all that is left."""
        return sum(unit.rest_cost for unit in {*self._given.values(), *(unit for *_, unit in self._waiting)})

    def add(self, unit: Unit[Item, Worker]) -> None:
        """Add a unit that no worker has."""
        self._unit_of |= dict.fromkeys(unit.rest, unit)
        heapq.heappush(self._waiting, (-unit.rest_cost, next(self._numbers), unit))

    def take_waiting(self) -> list[Unit[Item, Worker]]:
        """Take away the units that no worker has, the largest first."""
        units = [unit for *_, unit in sorted(self._waiting, key=lambda one: one[:2])]
        for item in (item for unit in units for item in unit.rest):
            del self._unit_of[item]
        self._waiting.clear()
        return units

    def next_for(self, worker: Worker) -> list[Item]:
        """What a worker that has nothing to do computes next; nothing where others compute all that is left."""
        if worker in self._given:
            raise ValueError(f"{worker} has a unit already")
        unit = heapq.heappop(self._waiting)[2] if self._waiting else self._slowest()
        if unit is None:
            return []
        self._given[worker] = unit
        unit.workers.add(worker)
        return list(unit.rest)

    def done(self, item: Item) -> bool:
        """Takes note of a result. False where it is there already, from another worker or before a loss."""
        unit = self._unit_of.pop(item, None)
        if unit is None:
            return False
        del unit.rest[item]
        unit.losses = 0
        if not unit.rest:
            self._needless += unit.workers
        return True

    def stopped(self, worker: Worker) -> None:
        """The worker has nothing to do any more: it is through with its unit, or was told to leave the rest."""
        unit = self._take_from(worker)
        if unit is not None and unit.rest and not unit.workers:
            self.add(unit)

    def lost(self, worker: Worker) -> list[Item]:
        """The worker is gone. Returns the items that fail for it."""
        unit = self._take_from(worker)
        if unit is None or not unit.rest:
            return []
        unit.losses += 1
        if unit.workers:  # somebody else has it, too
            return []
        if unit.losses < MOST_LOSSES:
            self.add(unit)
            return []
        if len(unit.rest) == 1:
            (item,) = unit.rest
            self.done(item)
            return [item]
        for half in unit.halves():
            self.add(half)
        return []

    def needless(self) -> list[Worker]:
        """Workers that compute nothing any more that is not there already, each of them once."""
        found = [worker for worker in self._needless if worker in self._given]
        self._needless.clear()
        return found

    def given_up(self) -> dict[Item, str]:
        """Items that fail since no worker can do them, and why: there are none."""
        return {}

    def _take_from(self, worker: Worker) -> Unit[Item, Worker] | None:
        unit = self._given.pop(worker, None)
        if unit is not None:
            unit.workers.discard(worker)
        return unit

    def _slowest(self) -> Unit[Item, Worker] | None:
        """The unit with the most to do, of those that one worker alone has."""
        alone = [unit for unit in self._given.values() if unit.rest and len(unit.workers) == 1]
        return max(alone, key=lambda unit: unit.rest_cost, default=None)
