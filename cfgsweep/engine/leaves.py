"""The leaves of the prefix tree in depth-first order, and what consecutive ones cost together. No torch."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from cfgsweep.engine.cost import cost_key
from cfgsweep.engine.prefix_tree import Member, Node, group_by_start
from cfgsweep.engine.trace import ForwardPass, GuidanceTrace
from cfgsweep.sweep.experiment import Experiment

Passes = frozenset[ForwardPass]


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a leaf parts from the leaf before it.

    call: the first at which their guidance differs; the number of calls where it never does.
    before, after: the predictions that the two need at this call. before_rest, after_rest: how many they need later.
    """

    call: int
    before: Passes
    after: Passes
    before_rest: int
    after_rest: int

    @classmethod
    def between(cls, call: int, before: Member, after: Member) -> Parting:
        (first, _), (second, _) = before, after
        if call == len(first):
            return cls(call, frozenset(), frozenset(), 0, 0)
        passes = frozenset(first[call].passes), frozenset(second[call].passes)
        return cls(call, *passes, first.evaluations_from(call + 1), second.evaluations_from(call + 1))


@dataclass
class Together:
    """What neighbouring leaves of one start cost together, from one leaf on; others are added at one end.

    seen: the nodes on the way to the leaf that was added last, at which leaves part: the call, and the predictions that
    are paid for there.
    """

    cost: int
    seen: list[tuple[int, set[ForwardPass]]] = field(default_factory=list)

    def add(self, call: int, near: Passes, far: Passes, rest: int) -> int:
        """Adds a leaf that parts at a call from the last one: near needs these predictions there, far those."""
        while self.seen and self.seen[-1][0] > call:
            self.seen.pop()
        if not self.seen or self.seen[-1][0] < call:
            self.seen.append((call, set(near)))
        paid = self.seen[-1][1]
        self.cost += len(far - paid) + rest
        paid |= far
        return self.cost


@dataclass(frozen=True)
class StartLeaves:
    """The leaves of one start.

    order: the places of the start's experiments in depth-first order. alone: evaluations of each leaf by itself.
    partings: of every leaf but the first.
    """

    order: Sequence[int]
    alone: Sequence[int]
    partings: Sequence[Parting]

    @classmethod
    def of(cls, members: Sequence[Member]) -> StartLeaves:
        """members: of one start, in the order of the sweep."""
        places = {experiment: place for place, (_, experiment) in enumerate(members)}
        found = list(_depth_first(members))
        partings = [Parting.between(call, before, after) for (_, before), (call, after) in pairwise(found)]
        alone = [trace.evaluations_from(0) for _, (trace, _) in found]
        return cls([places[experiment] for _, (_, experiment) in found], alone, partings)

    def __len__(self) -> int:
        return len(self.order)

    def costs_from(self, leaf: int) -> Iterator[int]:
        """What a leaf costs, it and the next, it and the next two, and so on."""
        together = Together(self.alone[leaf])
        yield together.cost
        for parting in self.partings[leaf:]:
            yield together.add(parting.call, parting.before, parting.after, parting.after_rest)

    def costs_back_from(self, leaf: int) -> Iterator[int]:
        """What a leaf costs, it and the one before, it and the two before, and so on."""
        together = Together(self.alone[leaf])
        yield together.cost
        for parting in reversed(self.partings[:leaf]):
            yield together.add(parting.call, parting.after, parting.before, parting.before_rest)

    def lost_before(self, leaf: int) -> int:
        """How many evaluations this leaf shares with the one before, and so are taken twice if they are cut apart."""
        if leaf == 0:
            return 0
        parting = self.partings[leaf - 1]
        return self.alone[leaf] - len(parting.after - parting.before) - parting.after_rest

    @cached_property
    def cost(self) -> int:
        """Of all leaves together."""
        *_, last = self.costs_from(0)
        return last


def _depth_first(members: Sequence[Member]) -> Iterator[tuple[int, Member]]:
    """The members in the order of the tree's leaves, each with the call at which it parts from the one before."""
    stack = [(Node(0, members), 0)]
    while stack:
        node, parted = stack.pop()
        if node.finished or len(node.members) == 1:
            for number, member in enumerate(node.members):
                yield (parted if number == 0 else node.call), member
            continue
        children = [child for _, child in node.children()]
        stack += [(child, node.call if number else parted) for number, child in reversed([*enumerate(children)])]


def leaves_of_starts(experiments: Iterable[Experiment]) -> Iterator[tuple[list[Experiment], StartLeaves]]:
    """For every start its experiments and its leaves. Starts that differ in nothing but the seed share theirs."""
    known: dict[Hashable, StartLeaves] = {}
    for start, members in group_by_start(experiments).items():
        key = cost_key(start, members)
        if key not in known:
            known[key] = StartLeaves.of([(GuidanceTrace(experiment), experiment) for experiment in members])
        yield members, known[key]
