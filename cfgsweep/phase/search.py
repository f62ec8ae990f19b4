"""Which values to look at next, until every transition in a range is known to a tolerance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from cfgsweep.phase.curve import Background, Curve, Measure, Transition, Vector
from cfgsweep.phase.ranges import short

GRAIN = 0.5  # of the smallest transition: an interval in which the picture goes farther may hide what it does there


class Search:
    """A scan, and then rounds: every round cuts the intervals that matter into as many parts as there is room for.

    Rounds, not single values, are what cost time: pictures of one round are made in the same batches. The same points
    give the same rounds, so that a search which was killed finds its way again.
    """

    def __init__(self, scan: Sequence[float], tolerance: float, measure: Measure, floor: float = 0.0):
        self.scan, self.tolerance, self.measure, self.floor = list(scan), tolerance, measure, floor
        self.points: dict[float, Vector] = {}

    def wanted(self, room: int) -> list[float]:
        """The values of the next round, about `room` of them; none when the search is at its end."""
        if not self.points:
            return self.scan
        cuts = max(1, room // max(1, len(self._unsettled)))
        return [value for low, high in self._unsettled for value in self._cut(low, high, cuts)]

    def learn(self, found: Mapping[float, Vector]) -> None:
        """The pictures at some values."""
        self.points |= found
        for stale in ("curve", "transitions", "_unsettled"):
            self.__dict__.pop(stale, None)

    @cached_property
    def curve(self) -> Curve:
        values = sorted(self.points)
        return Curve(values, [self.points[value] for value in values], self.measure)

    @cached_property
    def background(self) -> Background:
        """Of the scan alone: later points are where the picture changes fast."""
        return Background.of(Curve(self.scan, [self.points[value] for value in self.scan], self.measure), self.floor)

    @cached_property
    def transitions(self) -> list[Transition]:
        """Those found so far, by rising value."""
        if not self.points:
            return []
        return [self.curve.transition(i, j, self.background) for i, j in self.curve.stretches(self.background)]

    @cached_property
    def _unsettled(self) -> list[tuple[float, float]]:
        """Intervals longer than the tolerance that decide where a transition is, how wide, or whether it is one."""
        curve, chosen = self.curve, set()
        for first, last in curve.stretches(self.background):
            chosen |= {curve.crossing(first, last, share)[0] for share in (0.1, 0.5, 0.9)}
            near = range(max(0, first - 1), min(last + 1, len(curve.distances)))
            chosen |= {i for i in near if curve.distances[i] > GRAIN * self.background.least_size}
        ends = [(float(curve.values[i]), float(curve.values[i + 1])) for i in sorted(chosen)]
        return [(low, high) for low, high in ends if high - low > self.tolerance and self._cut(low, high, 1)]

    def _cut(self, low: float, high: float, cuts: int) -> list[float]:
        """Inner values, no closer together than a quarter of the tolerance."""
        cuts = max(1, min(cuts, math.ceil(4 * (high - low) / self.tolerance) - 1))
        inner = (short(value) for value in np.linspace(low, high, cuts + 2)[1:-1])
        return [value for value in inner if low < value < high]
