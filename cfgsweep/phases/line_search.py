"""A search over one setting: which values to compute next, until every transition is known to a tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from cfgsweep.phases.curve import Curve, Measure, Vector
from cfgsweep.phases.search_range import rounded
from cfgsweep.phases.stretches import Background
from cfgsweep.phases.transitions import Analysis, Transition

GRAIN = 3.0  # resolutions: an interval across which the picture changes more is refined,
END = 1.5  # and one just outside of a transition
MARGIN = 0.05  # of an interval: how far from a probable crossing the next values are, on both sides


class LineSearch:
    """Computes a scan, and then rounds: each cuts the intervals that matter into as many parts as the batches hold.

    Rounds rather than single values, since pictures of one round are computed in the same batches. The same points
    lead to the same next round, so that a search that was killed continues as it would have.
    """

    def __init__(self, scan: Sequence[float], tolerance: float, measure: Measure, floor: float = 0.0):
        self.scan, self.tolerance, self.measure, self.floor = list(scan), tolerance, measure, floor
        self.points: dict[float, Vector] = {}

    def next_points(self, capacity: int) -> list[float]:
        """The values of the next round, about `capacity` of them; none at the end of the search."""
        if not self.points:
            return self.scan
        crossed = [near for near in self._unsettled.values() if near]
        halved = len(self._unsettled) - len(crossed) if crossed else 0  # the others have what the crossings leave
        cuts = max(1, (capacity - halved) // max(1, len(crossed) or len(self._unsettled)))
        return sorted(
            value
            for (low, high), near in self._unsettled.items()
            for value in self._cut(low, high, near, cuts if near or not crossed else 1)
        )

    def add_points(self, vectors: Mapping[float, Vector]) -> None:
        """Add the pictures at some values, as vectors."""
        self.points |= vectors
        for stale in ("curve", "analysis", "transitions", "_unsettled"):
            self.__dict__.pop(stale, None)

    @cached_property
    def curve(self) -> Curve:
        """The curve through all points."""
        values = sorted(self.points)
        return Curve(values, [self.points[value] for value in values], self.measure)

    @cached_property
    def analysis(self) -> Analysis:
        return Analysis(self.curve, self.floor)

    @property
    def background(self) -> Background:
        return self.analysis.background

    @cached_property
    def transitions(self) -> list[Transition]:
        """The transitions found so far, by rising value."""
        return self.analysis.transitions() if self.points else []

    @cached_property
    def _unsettled(self) -> dict[tuple[float, float], list[float]]:
        """Intervals longer than the tolerance that decide where a transition is, how wide, or whether it is one.

        With each, the values in it at which the picture probably is at 10, 50 or 90 % of a transition.
        """
        curve, resolution = self.curve, self.background.resolution
        chosen: dict[int, list[float]] = {int(i): [] for i in np.flatnonzero(curve.distances > GRAIN * resolution)}
        for stretch in self.analysis.stretches:
            for share in (0.1, 0.5, 0.9):
                interval, value = curve.crossing(stretch.first, stretch.last, share)
                chosen.setdefault(interval, []).append(value)
            for i in (stretch.first - 1, stretch.last):
                if 0 <= i < len(curve.distances) and curve.distances[i] > END * resolution:
                    chosen.setdefault(i, [])
        ends = {(float(curve.values[i]), float(curve.values[i + 1])): near for i, near in sorted(chosen.items())}
        return {(low, high): near for (low, high), near in ends.items() if high - low > self.tolerance}

    def _cut(self, low: float, high: float, near: Sequence[float], cuts: int) -> list[float]:
        """Values on both sides of each value in `near`, and evenly spaced ones if there is capacity for more.

        With one guess alone the interval is also halved, since a guess near an end may be wrong again and again.
        """
        margin = max(0.4 * self.tolerance, MARGIN * (high - low))
        guesses = [value for guess in near for value in (guess - margin, guess + margin) if low < value < high]
        even = max(int(len(guesses) < 2), cuts - len(guesses))
        return [rounded(value) for value in (*guesses, *np.linspace(low, high, even + 2)[1:-1].tolist())]
