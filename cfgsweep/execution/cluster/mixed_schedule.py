"""Which experiments each of several workers computes next, where workers are of several kinds. No processes.

Items have roots, and all items of a root are done by workers of one kind. Units of work that have a root in common are
a group. A group goes to the kind whose workers would be through with it first, when one of them has nothing else to do.
Within a kind everything is as in `Schedule`. Where a kind has lost all workers, items whose root has no result yet go
to other kinds; the others wait for a worker of this kind, and fail where none comes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cfgsweep.execution.cluster.schedule import Item, Schedule, Unit, Worker
from cfgsweep.system.wording import counted

Root = TypeVar("Root", bound=Hashable)
Kind = TypeVar("Kind", bound=Hashable)
Member = TypeVar("Member", bound=Hashable, contravariant=True)
KindOfMember = TypeVar("KindOfMember", bound=Hashable)
LONGEST_ABSENCE = 600.0  # seconds that items wait for a worker of their kind when nothing else is left to do


class Staff(Protocol[Member, KindOfMember]):
    """The workers that there are."""

    def kind_of(self, worker: Member) -> KindOfMember: ...

    def kinds(self) -> Mapping[KindOfMember, int]:
        """How many workers there are of each kind now, with those that are at work."""
        ...


@dataclass(frozen=True)
class Group(Generic[Item, Worker, Kind]):
    """Units of which one kind does all. kind: that has results of their roots; None where there are none yet."""

    units: Sequence[Unit[Item, Worker]]
    kind: Kind | None

    @property
    def cost(self) -> float:
        return sum(unit.rest_cost for unit in self.units)


def groups_of(
    units: Sequence[Unit[Item, Worker]], root_of: Callable[[Item], Root], kinds: Mapping[Root, Kind]
) -> list[Group[Item, Worker, Kind]]:
    """Units in groups. A unit is divided where it has a root that others have, too, or roots of several kinds.

    kinds: of the roots that have results. Nothing is lost where a unit is divided between roots.
    """
    shared = Counter(root for unit in units for root in set(map(root_of, unit.rest)))
    found: dict[Hashable, list[Unit[Item, Worker]]] = {}
    kind_of: dict[Hashable, Kind | None] = {}
    for number, unit in enumerate(units):
        parts: dict[Hashable, list[Item]] = {}
        for item in unit.rest:
            root = root_of(item)
            kind = kinds.get(root)
            key: Hashable = (root,) if shared[root] > 1 else (number, kind)
            kind_of[key] = kind
            parts.setdefault(key, []).append(item)
        for key, part in parts.items():
            found.setdefault(key, []).append(unit.part(part))
    return [Group(parts, kind_of[key]) for key, parts in found.items()]


class MixedSchedule(Generic[Item, Worker, Root, Kind]):
    """Gives units to workers. It has the methods of `Schedule`. Items of all units are distinct."""

    def __init__(
        self,
        units: Iterable[tuple[Sequence[Item], float]],
        root_of: Callable[[Item], Root],
        kinds: MutableMapping[Root, Kind],
        staff: Staff[Worker, Kind],
        notice: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ):
        """kinds: of the roots that have results; it is kept up to date. notice: tells that items wait for a kind."""
        self.root_of, self.kinds, self.staff, self.notice, self.clock = root_of, kinds, staff, notice, clock
        self._of: dict[Kind, Schedule[Item, Worker]] = {}
        self._kind_at_work: dict[Worker, Kind] = {}  # of one that is lost, staff does not know it any more
        self._free: list[Group[Item, Worker, Kind]] = []
        self._gone: set[Kind] = set()  # kinds without workers, whose free items were taken away
        self._waiting_since: float | None = None
        self._add([Unit(dict.fromkeys(items), cost) for items, cost in units if items])

    @property
    def left(self) -> int:
        """How many items are neither done nor failed."""
        free = sum(len(unit.rest) for group in self._free for unit in group.units)
        return free + sum(one.left for one in self._of.values())

    def next_for(self, worker: Worker) -> list[Item]:
        """What a worker that has nothing to do computes next; nothing where others compute, or wait for, the rest."""
        self._free_what_lost_its_kind()
        kind = self.staff.kind_of(worker)
        own = self._schedule(kind)
        if not own.waiting:
            self._claim(kind)
        if found := own.next_for(worker):
            self._kind_at_work[worker] = kind
        return found

    def done(self, item: Item) -> bool:
        """Takes note of a result. False where it is there already."""
        for kind, one in self._of.items():
            if one.done(item):
                self.kinds.setdefault(self.root_of(item), kind)
                return True
        return False

    def stopped(self, worker: Worker) -> None:
        """The worker has nothing to do any more."""
        if worker in self._kind_at_work:
            self._of[self._kind_at_work.pop(worker)].stopped(worker)

    def lost(self, worker: Worker) -> list[Item]:
        """The worker is gone. Returns the items that fail for it."""
        if worker not in self._kind_at_work:
            return []
        kind = self._kind_at_work.pop(worker)
        self._gone.discard(kind)
        return self._of[kind].lost(worker)

    def needless(self) -> list[Worker]:
        """Workers that compute nothing any more that is not there already, each of them once."""
        return [worker for one in self._of.values() for worker in one.needless()]

    def given_up(self) -> dict[Item, str]:
        """Items that fail since no worker of their kind has come for so long, and why. To be asked now and then."""
        self._free_what_lost_its_kind()
        stranded = self._stranded()
        if not stranded:
            self._waiting_since = None
            return {}
        if self._waiting_since is None:
            self._waiting_since = self.clock()
            for kind, count in stranded.items():
                pictures = counted(count, "picture", ("waits", "wait"))
                self.notice(f"{pictures} for a worker on {kind}, which has made others of the same initial noise")
        if self.clock() - self._waiting_since < LONGEST_ABSENCE:
            return {}
        lost = {kind: self._of[kind].take_waiting() for kind in stranded}
        reason = "no worker on {}, which has made others of the same initial noise, is left"
        return {item: reason.format(kind) for kind, units in lost.items() for unit in units for item in unit.rest}

    def _stranded(self) -> dict[Kind, int]:
        """How many items wait for a worker of a kind of which there is none, where nothing else is left to do."""
        there = self.staff.kinds()
        if self._free or any(one.left for kind, one in self._of.items() if there.get(kind)):
            return {}
        return {kind: one.left for kind, one in self._of.items() if one.left}

    def _schedule(self, kind: Kind) -> Schedule[Item, Worker]:
        return self._of.setdefault(kind, Schedule(()))

    def _add(self, units: Sequence[Unit[Item, Worker]]) -> None:
        for group in groups_of(units, self.root_of, self.kinds):
            if group.kind is None:
                self._free.append(group)
            else:
                self._give(group, group.kind)
        self._free.sort(key=lambda group: group.cost, reverse=True)

    def _give(self, group: Group[Item, Worker, Kind], kind: Kind) -> None:
        for unit in group.units:
            self._schedule(kind).add(unit)

    def _claim(self, kind: Kind) -> None:
        """Give a kind the largest group with which no other kind would be through earlier.

        That takes as long as its largest unit at least. Workers of all kinds are taken to be equally fast: those that
        are faster ask for work more often.
        """
        counts = {one: count for one, count in self.staff.kinds().items() if count}
        loads = {one: self._schedule(one).rest_cost for one in counts}
        for place, group in enumerate(self._free):
            largest = max(unit.rest_cost for unit in group.units)
            ends = {one: max((load + group.cost) / counts[one], largest) for one, load in loads.items()}
            if ends[kind] <= min(ends.values()):
                self._give(self._free.pop(place), kind)
                return

    def _free_what_lost_its_kind(self) -> None:
        """Let other kinds have what waits for a kind without workers, and has not been begun by it."""
        gone = {kind for kind in self._of if not self.staff.kinds().get(kind)}
        units = [unit for kind in gone - self._gone for unit in self._of[kind].take_waiting()]
        self._gone = gone
        if units:
            self._add(units)
