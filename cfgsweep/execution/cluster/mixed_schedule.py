"""Which experiments each of several workers computes next, where workers are of several kinds. A pure class.

Items have roots, and all items of a root are done by workers of one kind. Units of work that have a root in common are
a group. A group goes to the kind whose workers would be through with it first, when one of them has nothing else to do.
Within a kind everything is as in `Schedule`. Where a kind has lost all workers, items whose root has no result yet go
to other kinds; the others wait until there is a worker of this kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cfgsweep.execution.cluster.schedule import Item, Schedule, Worker

Root = TypeVar("Root", bound=Hashable)
Kind = TypeVar("Kind", bound=Hashable)
Work = tuple[Sequence[Item], float]  # a unit: items, and what they cost


@dataclass(frozen=True)
class Group(Generic[Item, Kind]):
    """Units of which one kind does all. kind: that has results of their roots; None where there are none yet."""

    units: Sequence[Work[Item]]
    kind: Kind | None

    @property
    def cost(self) -> float:
        return sum(cost for _, cost in self.units)


def groups_of(
    units: Iterable[Work[Item]], root_of: Callable[[Item], Root], kinds: Mapping[Root, Kind]
) -> list[Group[Item, Kind]]:
    """Units in groups. A unit is divided where it has a root that others have, too, or roots of several kinds.

    kinds: of the roots that have results. Between roots, a unit can be divided without any loss.
    """
    units = list(units)
    shared = Counter(root for items, _ in units for root in set(map(root_of, items)))
    found: dict[Hashable, list[Work[Item]]] = {}
    kind_of: dict[Hashable, Kind | None] = {}
    for number, (items, cost) in enumerate(units):
        parts: dict[Hashable, list[Item]] = {}
        for item in items:
            root = root_of(item)
            kind = kinds.get(root)
            key = (root,) if shared[root] > 1 else (number, kind)
            kind_of[key] = kind
            parts.setdefault(key, []).append(item)
        for key, part in parts.items():
            found.setdefault(key, []).append((part, cost * len(part) / len(items)))
    return [Group(parts, kind_of[key]) for key, parts in found.items()]


class MixedSchedule(Generic[Item, Worker, Root, Kind]):
    """Gives units to workers, as `Schedule` does, whose methods it has. Items of all units are distinct."""

    def __init__(
        self,
        units: Iterable[Work[Item]],
        root_of: Callable[[Item], Root],
        kinds: MutableMapping[Root, Kind],
        kind_of: Callable[[Worker], Kind],
        workers: Callable[[], Mapping[Kind, int]],
    ):
        """kinds: of the roots that have results, which is kept up to date.

        kind_of: of a worker that asks for work. workers: how many there are of each kind now, with those at work.
        """
        self.root_of, self.kinds, self.kind_of, self.workers = root_of, kinds, kind_of, workers
        self._of: dict[Kind, Schedule[Item, Worker]] = {}
        self._kind_at_work: dict[Worker, Kind] = {}  # one that is lost has none any more
        self._free: list[Group[Item, Kind]] = []
        self._add(groups_of(units, root_of, kinds))

    @property
    def left(self) -> int:
        """How many items are neither done nor failed."""
        free = sum(len(items) for group in self._free for items, _ in group.units)
        return free + sum(one.left for one in self._of.values())

    def next_for(self, worker: Worker) -> list[Item]:
        """What a worker that has nothing to do computes next; nothing where others compute, or wait for, the rest."""
        self._free_what_lost_its_kind()
        kind = self.kind_of(worker)
        own = self._schedule(kind)
        if not own.waiting:
            self._claim(kind)
        if found := own.next_for(worker):
            self._kind_at_work[worker] = kind
        return found

    def done(self, item: Item, worker: Worker) -> bool:
        """Takes note of a worker's result. False where it is there already."""
        kind = self._kind_at_work[worker]
        is_new = self._of[kind].done(item)
        if is_new:
            self.kinds.setdefault(self.root_of(item), kind)
        return is_new

    def stopped(self, worker: Worker) -> None:
        """The worker has nothing to do any more."""
        self._of[self._kind_at_work.pop(worker)].stopped(worker)

    def lost(self, worker: Worker) -> list[Item]:
        """The worker is gone. Returns the items that fail for it."""
        return self._of[self._kind_at_work.pop(worker)].lost(worker)

    def needless(self) -> list[Worker]:
        """Workers that compute nothing any more that is not there already, each of them once."""
        return [worker for one in self._of.values() for worker in one.needless()]

    def stranded(self) -> dict[Kind, int]:
        """How many items wait for a worker of a kind of which there is none, where nothing else is left to do."""
        there = self.workers()
        if self._free or any(one.left for kind, one in self._of.items() if there.get(kind)):
            return {}
        return {kind: one.left for kind, one in self._of.items() if one.left}

    def give_up(self) -> list[Item]:
        """The stranded items, which fail."""
        return [item for kind in self.stranded() for items, _ in self._of[kind].take_waiting() for item in items]

    def _schedule(self, kind: Kind) -> Schedule[Item, Worker]:
        return self._of.setdefault(kind, Schedule(()))

    def _add(self, groups: Iterable[Group[Item, Kind]]) -> None:
        for group in groups:
            if group.kind is None:
                self._free.append(group)
            else:
                self._give(group, group.kind)
        self._free.sort(key=lambda group: group.cost, reverse=True)

    def _give(self, group: Group[Item, Kind], kind: Kind) -> None:
        for items, cost in group.units:
            self._schedule(kind).add(items, cost)

    def _claim(self, kind: Kind) -> None:
        """Give a kind the largest group with which no other kind would be through earlier."""
        loads = {one: self._schedule(one).rest_cost for one, count in self.workers().items() if count}
        for place, group in enumerate(self._free):
            ends = {one: (load + group.cost) / self.workers()[one] for one, load in loads.items()}
            if ends[kind] <= min(ends.values()):
                self._give(self._free.pop(place), kind)
                return

    def _free_what_lost_its_kind(self) -> None:
        there = self.workers()
        lost = [one for kind, one in self._of.items() if one.waiting and not there.get(kind)]
        units = [unit for one in lost for unit in one.take_waiting()]
        if units:
            self._add(groups_of(units, self.root_of, self.kinds))
