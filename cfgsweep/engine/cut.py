"""Cuts experiments into shards that are computed apart.

Shards are consecutive leaves of the prefix tree, and the largest is as small as it can be. A pure function of the
experiments and the number of shards, in time linear in the number of experiments. No torch.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, takewhile

from cfgsweep.engine.leaves import StartLeaves, leaves_of_starts
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True)
class Shard:
    """Experiments that are computed together, in depth-first order, and their evaluations; both can be none."""

    experiments: Sequence[Experiment]
    evaluations: int


def cut(experiments: Iterable[Experiment], shards: int) -> list[Shard]:
    """The experiments in so many shards. Where there are fewer experiments, the last ones are empty."""
    found = list(leaves_of_starts(experiments))
    in_order = [members[place] for members, leaves in found for place in leaves.order]
    line = Line([leaves for _, leaves in found])
    spans = pairwise([0, *line.cuts(shards)])
    return [Shard(in_order[begin:end], line.cost(begin, end)) for begin, end in spans]


class Line:
    """The leaves of all starts, one after the other, by their numbers from 0 on."""

    def __init__(self, starts: Sequence[StartLeaves]):
        self.starts = starts
        self.firsts = [0, *accumulate(map(len, starts))]  # the number of every start's first leaf, and of all leaves
        self.paid = [0, *accumulate(start.cost for start in starts)]  # by all starts before one
        self.largest = max((alone for start in starts for alone in start.alone), default=0)

    @property
    def length(self) -> int:
        return self.firsts[-1]

    def cuts(self, shards: int) -> list[int]:
        """Where the shards end. Of cuts with the same largest shard, those between starts, or that lose least."""
        limit = self._least_limit(shards)
        earliest = self._earliest_ends(shards, limit)
        ends: list[int] = []
        begin = 0
        for number in range(shards):
            last = self._fill(begin, limit)
            begin = self._best(begin, max(min(begin + 1, last), earliest[number]), last, shards - number)
            ends.append(begin)
        return ends

    def cost(self, begin: int, end: int) -> int:
        """Evaluations of the leaves from one to before another."""
        if begin >= end:
            return 0
        first, last = self._start_of(begin), self._start_of(end - 1)
        if first == last:
            return self._nth(self.starts[first].costs_from(begin - self.firsts[first]), end - begin)
        head = self._nth(self.starts[first].costs_from(begin - self.firsts[first]), self.firsts[first + 1] - begin)
        tail = self._nth(self.starts[last].costs_from(0), end - self.firsts[last])
        return head + self.paid[last] - self.paid[first + 1] + tail

    @staticmethod
    def _nth(costs: Iterator[int], number: int) -> int:
        *_, last = (one for one, _ in zip(costs, range(number), strict=False))
        return last

    def _start_of(self, leaf: int) -> int:
        return bisect_right(self.firsts, leaf) - 1

    def _least_limit(self, shards: int) -> int:
        """The evaluations of the largest shard. With two leaves more than an even share, every leaf finds room."""
        even = -(-self.paid[-1] // shards)
        limits = range(max(even, self.largest), even + 2 * self.largest + 1)
        return limits[bisect_left(limits, True, key=lambda limit: self._fits(shards, limit))]

    def _fits(self, shards: int, limit: int) -> bool:
        begin = 0
        for _ in range(shards):
            begin = self._fill(begin, limit)
        return begin == self.length

    def _fill(self, begin: int, limit: int) -> int:
        """The end of the longest shard from a leaf on that takes no more than `limit` evaluations."""
        if begin == self.length:
            return begin
        start, room = self._start_of(begin), limit
        if begin > self.firsts[start]:
            fitting = self._fitting(self.starts[start].costs_from(begin - self.firsts[start]), room)
            if begin + len(fitting) < self.firsts[start + 1]:
                return begin + len(fitting)
            start, room = start + 1, room - fitting[-1]
        whole = bisect_right(self.paid, self.paid[start] + room) - 1
        if whole == len(self.starts):
            return self.length
        room -= self.paid[whole] - self.paid[start]
        return self.firsts[whole] + len(self._fitting(self.starts[whole].costs_from(0), room))

    def _earliest_ends(self, shards: int, limit: int) -> list[int]:
        """For every shard the least end that leaves no more to the later ones than they have room for."""
        ends, end = [self.length], self.length
        for _ in range(shards - 1):
            end = self._fill_back(end, limit)
            ends.append(end)
        return ends[::-1]

    def _fill_back(self, end: int, limit: int) -> int:
        """The begin of the longest shard up to before a leaf that takes no more than `limit` evaluations."""
        if end == 0:
            return 0
        start, room = self._start_of(end - 1), limit
        if end < self.firsts[start + 1]:
            fitting = self._fitting(self.starts[start].costs_back_from(end - 1 - self.firsts[start]), room)
            if end - len(fitting) > self.firsts[start]:
                return end - len(fitting)
            end, start, room = self.firsts[start], start - 1, room - fitting[-1]
        whole = bisect_left(self.paid, self.paid[start + 1] - room)
        if whole == 0:
            return 0
        room -= self.paid[start + 1] - self.paid[whole]
        before = self.starts[whole - 1]
        return self.firsts[whole] - len(self._fitting(before.costs_back_from(len(before) - 1), room))

    @staticmethod
    def _fitting(costs: Iterator[int], room: int) -> list[int]:
        return list(takewhile(lambda cost: cost <= room, costs))

    def _best(self, begin: int, least: int, most: int, shards: int) -> int:
        """The end of a shard between two: between starts, the nearest to an even share; else where least is lost."""
        first, last = bisect_left(self.firsts, least), bisect_right(self.firsts, most)
        if first < last:
            start = self._start_of(begin)
            even = self.paid[start] + (self.paid[-1] - self.paid[start]) / shards
            return self.firsts[min(range(first, last), key=lambda one: abs(self.paid[one] - even))]
        start = self._start_of(most) if most < self.length else len(self.starts) - 1
        leaves, offset = self.starts[start], self.firsts[start]
        return min(range(least, most + 1), key=lambda end: (leaves.lost_before(end - offset), most - end))
