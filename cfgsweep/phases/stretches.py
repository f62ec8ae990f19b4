"""Stretches of a curve along which the picture changes much faster than it does over the whole range."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from cfgsweep.phases.curve import Curve
from cfgsweep.phases.walk import Walk

STEEP = 2.0  # in mean slopes: what a stretch has in length beyond a curve of this slope is what makes it a transition
SHARE = 0.1  # least size of a transition, as a share of the largest distance of any picture from the first or the last,
LEVELS = 8.0  # and in distances that rounding to one of 256 levels makes
STEPS = 4  # of the walk in the least size
GAP = 0.5  # in least sizes: how far the walk falls behind between two transitions
CORE = 0.5  # least sizes by which a core is a rise
REACH = 1.5  # in lengths of a transition's core, where it is fastest: how far it reaches on both sides of that
REST = 2.0  # what is left beside that is a transition if it has this many times the least size
GROWTH = 1.1  # from one slope to the next at which a stretch is tried for parts
TAIL = 0.1  # of a transition's fastest slope: slower parts around it are not counted


@dataclass(frozen=True)
class Background:
    """What a search measures transitions by; none of it depends on how closely the values are spaced.

    mean_slope: the length of the walk over the whole range, per unit of value. median_slope: the slope that half of
    the range is below. outlier_above: the slope beyond which change counts for a transition. least_size: the least
    distance of the two sides of a transition. resolution: the step of the walk.
    """

    median_slope: float
    outlier_above: float
    least_size: float
    mean_slope: float
    resolution: float


@dataclass(frozen=True)
class Rise:
    """A stretch in steps of the walk, that ends where it is less steep than `slope`. most: of the prominence it has."""

    low: int
    high: int
    slope: float
    most: float


@dataclass(frozen=True)
class Stretch:
    """One transition's points of the curve, first and last, and how much it stands out.

    prominence: in least sizes, the smaller one of the distance of its ends, and the length of the walk beyond that of
    a curve of the slope `outlier_above`; 1 or more. Beside a faster transition, the latter counts half.
    """

    first: int
    last: int
    prominence: float


class Stretches:
    """The walk along a curve, and the steep stretches of it.

    floor: the distance of two pictures below which it is rounding. scale: of the least size of a transition.
    """

    def __init__(self, curve: Curve, floor: float = 0.0, scale: float = 1.0):
        self.curve = curve
        pictures = curve.vectors
        across = max(curve.measure(end, picture) for end in (pictures[0], pictures[-1]) for picture in pictures)
        least = scale * max(SHARE * across, LEVELS * floor, 1e-12)
        self.walk = Walk.of(curve, least / STEPS)
        mean = max(self.walk.length, least / STEPS) / curve.span
        self.background = Background(self.walk.median_slope(), STEEP * mean, least, mean, least / STEPS)

    def found(self) -> list[Stretch]:
        """By rising value; they do not overlap."""
        stretches, free = list[Stretch](), 0
        for rise in self._rises_alone(0, len(self.walk.values) - 1, self.background.outlier_above):
            first, last = self._ends(rise)
            parts = self._straight(max(first, free), last)
            prominences = [self._prominence(i, j, rise, len(parts) == 1) for i, j in parts]
            stretches += [Stretch(i, j, p) for (i, j), p in zip(parts, prominences, strict=True) if p >= 1]
            free = max(free, last)
        return stretches

    def _prominence(self, first: int, last: int, rise: Rise, whole: bool) -> float:
        """See Stretch. whole: whether these points are the whole rise."""
        values = self.walk.values[[rise.low, rise.high]] if whole else self.curve.values[[first, last]]
        begin, end = np.interp(values, self.walk.values, self.walk.passed)
        excess = float(end - begin - self.background.outlier_above * (values[1] - values[0]))
        return min(min(excess, self.curve.distance(first, last)) / self.background.least_size, rise.most)

    def _rises(self, slope: float, first: int, last: int, sizes: float = 1.0) -> list[tuple[int, int]]:
        least = self.background.least_size
        return self.walk.rises(slope, sizes * least, GAP * least, first, last)

    def _rises_alone(self, first: int, last: int, slope: float, most: float = np.inf) -> list[Rise]:
        """The rises between two steps of the walk that have no two rises in them at any higher slope, in order."""
        found = []
        for low, high in self._rises(slope, first, last):
            top = slope
            while len(parts := self._rises(top * GROWTH, low, high)) == 1:
                top *= GROWTH
            if not parts:
                found += self._about_core(Rise(low, high, slope, most))
                continue
            valleys = [(end + begin + 1) // 2 for (_, end), (begin, _) in itertools.pairwise(parts)]
            for part in itertools.pairwise([low, *valleys, high]):
                found += self._rises_alone(*part, slope, most)
        return found

    def _about_core(self, rise: Rise) -> list[Rise]:
        """The part of a rise about its core, where it is fastest, and what is left on both sides if it is large."""
        parts = (self._around(rise, *self._core(rise, sizes)) for sizes in (CORE, 1.0))
        low, high, inner = next((part for part in parts if part[2]), (rise.low, rise.high, rise))
        assert inner is not None
        before, after = ((rise.low, low), (high, rise.high))
        left = [self._left(*part, inner.slope, rise.most) for part in (before, after)]
        return [*left[0], inner, *left[1]]

    def _core(self, rise: Rise, sizes: float) -> tuple[int, int, float]:
        """What is still a rise, by so many least sizes, at the highest slope; and that slope."""
        below = rise.slope
        while self._rises(below * GROWTH, rise.low, rise.high, sizes):
            below *= GROWTH
        above = below * GROWTH
        for _ in range(10):
            middle = (below * above) ** 0.5
            if self._rises(middle, rise.low, rise.high, sizes):
                below = middle
            else:
                above = middle
        low, high = max(self._rises(below, rise.low, rise.high, sizes), key=lambda one: one[1] - one[0])
        return low, high, below

    def _around(self, rise: Rise, low: int, high: int, top: float) -> tuple[int, int, Rise | None]:
        """How far a core reaches, and the rise there that has the core in it; None where that is not large enough."""
        values = self.walk.values
        around = REACH * float(values[high] - values[low])
        begin = int(np.searchsorted(values, values[low] - around))
        end = int(np.searchsorted(values, values[high] + around, "right")) - 1
        begin, end = max(rise.low, min(begin, low - 1)), min(rise.high, max(end, high + 1))  # at least a step more
        slope = max(rise.slope, TAIL * top)
        with_core = (one for one in self._rises(slope, begin, end) if one[0] <= low and high <= one[1])
        inner = next(with_core, None)
        return begin, end, None if inner is None else Rise(*inner, slope, rise.most)

    def _left(self, first: int, last: int, slope: float, most: float) -> list[Rise]:
        """The rises beside a faster one."""
        found = []
        for low, high in self._rises(slope, first, last, REST):
            excess = self.walk.passed[high] - self.walk.passed[low]
            excess -= slope * (self.walk.values[high] - self.walk.values[low])
            prominence = float(excess) / self.background.least_size / REST
            found += self._rises_alone(low, high, slope, min(most, prominence))
        return found

    def _ends(self, rise: Rise) -> tuple[int, int]:
        """The points of the curve at the ends of a rise, with the part of a step that it changed before and after."""
        values, steps = self.curve.values, self.walk.values
        low, high = steps[rise.low], steps[rise.high]
        begin, end = steps[max(rise.low - 1, 0)], steps[min(rise.high + 1, len(steps) - 1)]
        first, last = self._at_or_below(low), self._at_or_above(high)
        before = [i for i in range(self._at_or_below(begin), first) if values[i] > begin]
        after = [i for i in range(last + 1, self._at_or_above(end)) if values[i] < end]
        return self._farthest(low, [first, *before], rise.slope), self._farthest(high, [last, *after], rise.slope)

    def _farthest(self, value: float, points: list[int], slope: float) -> int:
        """The point whose picture is farthest from the one at a value, less what a curve of this slope would be."""
        curve, here = self.curve, self._vector_at(value)
        return max(points, key=lambda i: curve.measure(here, curve.vectors[i]) - slope * abs(curve.values[i] - value))

    def _at_or_below(self, value: float) -> int:
        return int(np.searchsorted(self.curve.values, value, "right")) - 1

    def _at_or_above(self, value: float) -> int:
        return min(int(np.searchsorted(self.curve.values, value, "left")), len(self.curve.values) - 1)

    def _vector_at(self, value: float) -> np.ndarray:
        values, vectors = self.curve.values, self.curve.vectors
        i = min(self._at_or_below(value), len(values) - 2)
        share = (value - values[i]) / (values[i + 1] - values[i])
        return vectors[i] + (vectors[i + 1] - vectors[i]) * share

    def _straight(self, first: int, last: int) -> list[tuple[int, int]]:
        """Cut a stretch where it turns back: at a picture farther from both ends than these are from each other."""
        if last - first < 2:
            return [(first, last)] if last > first else []
        aside = [min(self.curve.distance(first, i), self.curve.distance(i, last)) for i in range(first + 1, last)]
        turn = first + 1 + int(np.argmax(aside))
        if max(aside) <= self.curve.distance(first, last):
            return [(first, last)]
        return [*self._straight(first, turn), *self._straight(turn, last)]
