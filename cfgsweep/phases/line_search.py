"""Which values to look at next, until every transition in a range is known to a tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from cfgsweep.phases.search_range import short
from cfgsweep.phases.transitions import Background, Curve, Measure, Transition, Vector

GRAIN = 0.75  # of the smallest transition: an interval in which the picture goes farther may hide what it does there
MARGIN = 0.05  # of an interval, either side of where a crossing probably is


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
        found = {value for (low, high), near in self._unsettled.items() for value in self._cut(low, high, near, cuts)}
        return sorted(found)

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
    def _unsettled(self) -> dict[tuple[float, float], list[float]]:
        """Intervals longer than the tolerance that decide where a transition is, how wide, or whether it is one.

        With the values in them where the picture probably is 10, 50 or 90 % of its way.
        """
        curve, chosen = self.curve, dict[int, list[float]]()
        for first, last in curve.stretches(self.background):
            for share in (0.1, 0.5, 0.9):
                interval, value = curve.crossing(first, last, share)
                chosen.setdefault(interval, []).append(value)
            for i in range(max(0, first - 1), min(last + 1, len(curve.distances))):
                if curve.distances[i] > GRAIN * self.background.least_size:
                    chosen.setdefault(i, [])
        ends = {(float(curve.values[i]), float(curve.values[i + 1])): near for i, near in sorted(chosen.items())}
        return {(low, high): near for (low, high), near in ends.items() if high - low > self.tolerance}

    def _cut(self, low: float, high: float, near: Sequence[float], cuts: int) -> list[float]:
        """Values closely on both sides of each that matters, and even cuts where there is room for more.

        Guesses near an end may be wrong again and again, so then the interval is halved, too.
        """
        margin = max(0.4 * self.tolerance, MARGIN * (high - low))
        guesses = [value for guess in near for value in (guess - margin, guess + margin) if low < value < high]
        even = max(int(len(guesses) < 2), cuts - len(guesses))
        return [short(value) for value in (*guesses, *np.linspace(low, high, even + 2)[1:-1].tolist())]
