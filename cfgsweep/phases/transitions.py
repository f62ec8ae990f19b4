"""A picture as a curve over one value: how fast it changes along the value, and where it changes abruptly.

A sampler of finitely many steps of a smooth network is continuous in the value, so there are no jumps. What looks like
a flip is a transition that is narrow and large: a stretch of the curve along which the picture changes much faster than
it does along most of the range. Pictures are given as vectors, with a function that measures their distance.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Vector = np.ndarray
Measure = Callable[[Vector, Vector], float]
Verdict = Literal["abrupt", "gradual"]

OUTLIER = 5.0  # deviations above the median slope (1.48 x median absolute deviation): 3 to 5 medians
STEPS = 3.0  # least size of a transition: in median distances between neighbours of the scan,
SHARE = 0.1  # as a share of the largest distance of any picture from the first or the last,
LEVELS = 3.0  # and in distances that rounding to one of 256 levels makes
VALLEY = 0.7  # between two transitions, the slope falls to this share of the lower peak or below
TAIL = 0.05  # of a peak's slope: slower parts around it are not counted (97 % of a logistic step is steeper)
ABRUPT = 10.0  # in median slopes; on the bundled model, visible flips are at 10 to 50


@dataclass(frozen=True)
class Background:
    """How fast the picture changes along most of the range.

    median_slope: in distance per unit of value. outlier_above: the slope above which a stretch is steep.
    least_size: the least distance of the two sides of a transition.
    """

    median_slope: float
    outlier_above: float
    least_size: float

    @classmethod
    def of(cls, curve: Curve, floor: float = 0.0) -> Background:
        """The background of a scan. floor: the distance of two pictures below which it is rounding."""
        slopes = curve.slopes
        median = float(np.median(slopes))
        spread = 1.4826 * float(np.median(np.abs(slopes - median)))
        pictures = curve.vectors
        across = max(curve.measure(end, picture) for end in (pictures[0], pictures[-1]) for picture in pictures)
        least_slope = floor / float(curve.values[-1] - curve.values[0])
        least_size = max(STEPS * float(np.median(curve.distances)), SHARE * across, LEVELS * floor)
        return cls(max(median, least_slope), max(median + OUTLIER * spread, least_slope), least_size)


@dataclass(frozen=True)
class Transition:
    """A stretch of values along which one picture becomes another. before, after: its ends.

    location: the value half-way, by projection on the line from one end's vector to the other's. width: from 10 % to
    90 % of that line. size: the distance of the ends. steepness: the slope between 10 % and 90 %, in median slopes.
    """

    before: float
    after: float
    location: float
    width: float
    size: float
    steepness: float
    verdict: Verdict


class Curve:
    """At least two points of the curve, by rising value."""

    def __init__(self, values: Sequence[float] | np.ndarray, vectors: Sequence[Vector], measure: Measure):
        self.values, self.vectors, self.measure = np.asarray(values, float), vectors, measure
        self.distances = np.array([measure(a, b) for a, b in itertools.pairwise(vectors)])
        self.lengths = np.diff(self.values)
        self.slopes = self.distances / self.lengths

    def stretches(self, background: Background) -> list[tuple[int, int]]:
        """First and last point of every steep stretch that is large enough, each with one peak of the slope."""
        marks, coarse = self._coarse(background)
        steep = np.concatenate([[False], coarse.slopes > background.outlier_above, [False]])
        starts, ends = (np.flatnonzero(edge).tolist() for edge in (steep[1:] & ~steep[:-1], ~steep[1:] & steep[:-1]))
        peaks = (
            coarse._peak_alone(*part, background.least_size)
            for start, end in zip(starts, ends, strict=True)
            for part in coarse._at_valleys(start, end, background.least_size)
        )
        found = ((marks[i], marks[j]) for i, j in peaks)
        return [(i, j) for i, j in found if self._distance(i, j) >= background.least_size]

    def coarse(self, background: Background) -> Curve:
        """The curve through those points that are far enough apart for a slope between them to be meaningful.

        Below the rounding to 256 levels, and that of float32, distances do not shrink with the interval.
        """
        return self._coarse(background)[1]

    def _coarse(self, background: Background) -> tuple[list[int], Curve]:
        marks = self._landmarks(background.least_size / 4)
        return marks, Curve(self.values[marks], [self.vectors[i] for i in marks], self.measure)

    def _landmarks(self, least: float) -> list[int]:
        marks = [0]
        for i in range(1, len(self.values)):
            if self.measure(self.vectors[marks[-1]], self.vectors[i]) >= least:
                marks += [i - 1, i] if i - 1 > marks[-1] else [i]
        last = len(self.values) - 1
        return marks if marks[-1] == last else [*marks, last]

    def _at_valleys(self, start: int, end: int, least_size: float) -> list[tuple[int, int]]:
        """Cut a stretch at valleys of the slope with large parts on both sides.

        start, end: intervals. Returns the first and last points of the parts.
        """
        slopes = self.slopes[start:end]
        best, cut = VALLEY, 0
        for i in range(1, len(slopes) - 1):
            depth = slopes[i] / min(slopes[:i].max(), slopes[i + 1 :].max())
            sides = (start, start + i), (start + i + 1, end)
            if depth < best and all(self._distance(*side) >= least_size for side in sides):
                best, cut = depth, i
        if not cut:
            return [(start, end)]
        sides = (start, start + cut), (start + cut + 1, end)
        return [part for side in sides for part in self._at_valleys(*side, least_size)]

    def _peak_alone(self, start: int, end: int, least_size: float) -> tuple[int, int]:
        """The peak of a stretch without its slow parts, if that is large: a drift after a flip must not count."""
        slopes = self.slopes[start:end]
        peak = int(slopes.argmax())
        low = np.flatnonzero(slopes < TAIL * slopes[peak])
        first = start + int(low[low < peak].max(initial=-1)) + 1
        last = start + int(low[low > peak].min(initial=len(slopes)))
        return (first, last) if self._distance(first, last) >= least_size else (start, end)

    def _distance(self, first: int, last: int) -> float:
        return self.measure(self.vectors[first], self.vectors[last])

    def progress(self, first: int, last: int) -> np.ndarray:
        """The projection of every point in [first, last] on the line from first (0) to last (1)."""
        points = np.stack([vector.ravel() for vector in self.vectors[first : last + 1]])
        points = points - points[0]
        line = points[-1]
        shares: np.ndarray = points @ line / max(float(line @ line), 1e-300)
        return shares

    def crossing(self, first: int, last: int, share: float) -> tuple[int, float]:
        """The interval in which the progress first reaches a share, and the value at which it does (interpolated)."""
        progress = self.progress(first, last)
        i = int(np.flatnonzero(progress >= share - 1e-12)[0]) - 1
        i = max(0, i)
        low, high = progress[i], progress[i + 1]
        part = (share - low) / (high - low) if high > low else 0.0
        interval = first + i
        return interval, float(self.values[interval] + min(max(part, 0.0), 1.0) * self.lengths[interval])

    def transition(self, first: int, last: int, background: Background) -> Transition:
        begin, location, end = (self.crossing(first, last, share)[1] for share in (0.1, 0.5, 0.9))
        size = self._distance(first, last)
        width = max(end - begin, np.finfo(float).eps * abs(location))
        steepness = 0.8 * size / width / max(background.median_slope, 1e-300)
        verdict: Verdict = "abrupt" if steepness >= ABRUPT else "gradual"
        before, after = float(self.values[first]), float(self.values[last])
        return Transition(before, after, location, width, size, steepness, verdict)
