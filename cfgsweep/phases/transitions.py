"""A picture as a curve over one value: how fast it changes, and where it does so abruptly.

A finite-step sampler of a smooth network is continuous, so nothing here is a jump. What the eye calls a flip is a
transition that is narrow and large: a stretch of the curve along which the picture changes much faster than it mostly
does. No tensors, no pictures: points are vectors whose distances mean something.
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

OUTLIER = 5.0  # standard deviations (as the median deviation tells them) above the median slope: 3 to 5 medians
STEPS = 3.0  # a transition is at least as large as the picture's way over so many median steps of the scan,
SHARE = 0.1  # and as this share of the largest distance of a picture from that at either end
LEVELS = 3.0  # and so many times what one level of 256 makes
VALLEY = 0.7  # between two transitions the slope falls at least to this share of the lower peak
TAIL = 0.05  # of a peak's slope: what is slower around it is drift (of a logistic step 97 % is above it)
ABRUPT = 10.0  # times the median slope; on the bundled model flips that the eye sees are 10 to 50


@dataclass(frozen=True)
class Background:
    """How fast the picture mostly changes.

    median_slope: distance per unit of value. outlier_above: a slope steeper than this is one. least_size: of a
    transition.
    """

    median_slope: float
    outlier_above: float
    least_size: float

    @classmethod
    def of(cls, curve: Curve, floor: float = 0.0) -> Background:
        """Of a scan. floor: a distance that means nothing yet, such as that of rounding."""
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
    """A stretch along which the picture goes from `before` to `after`, two values at which it is on a plateau.

    location: where it is half-way, by its projection on the straight way from one to the other. width: from 10 % to
    90 % of that way. size: the distance of both sides. steepness: the slope between 10 % and 90 %, in median slopes.
    """

    before: float
    after: float
    location: float
    width: float
    size: float
    steepness: float
    verdict: Verdict


class Curve:
    """Points of the curve, in the order of their values: at least two."""

    def __init__(self, values: Sequence[float] | np.ndarray, vectors: Sequence[Vector], measure: Measure):
        self.values, self.vectors, self.measure = np.asarray(values, float), vectors, measure
        self.distances = np.array([measure(a, b) for a, b in itertools.pairwise(vectors)])
        self.lengths = np.diff(self.values)
        self.slopes = self.distances / self.lengths

    def stretches(self, background: Background) -> list[tuple[int, int]]:
        """First and last point of every stretch that is steep and large, each with one peak of the slope."""
        marks, coarse = self._coarse(background)
        steep = np.concatenate([[False], coarse.slopes > background.outlier_above, [False]])
        starts, ends = (np.flatnonzero(edge).tolist() for edge in (steep[1:] & ~steep[:-1], ~steep[1:] & steep[:-1]))
        peaks = (
            coarse._without_tails(*part, background.least_size)
            for start, end in zip(starts, ends, strict=True)
            for part in coarse._at_valleys(start, end, background.least_size)
        )
        found = ((marks[i], marks[j]) for i, j in peaks)
        return [(i, j) for i, j in found if self._way(i, j) >= background.least_size]

    def coarse(self, background: Background) -> Curve:
        """The curve through points far enough apart for a slope between them to mean something.

        Pictures have but 256 levels, and float32 its rounding: below that the distance no longer shrinks.
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
        """Cut a stretch where the slope falls between two peaks, both parts large. Intervals in, points out."""
        slopes = self.slopes[start:end]
        best, cut = VALLEY, 0
        for i in range(1, len(slopes) - 1):
            depth = slopes[i] / min(slopes[:i].max(), slopes[i + 1 :].max())
            sides = (start, start + i), (start + i + 1, end)
            if depth < best and all(self._way(*side) >= least_size for side in sides):
                best, cut = depth, i
        if not cut:
            return [(start, end)]
        sides = (start, start + cut), (start + cut + 1, end)
        return [part for side in sides for part in self._at_valleys(*side, least_size)]

    def _without_tails(self, start: int, end: int, least_size: float) -> tuple[int, int]:
        """The peak of a stretch by itself, where that is large: a flip is not gradual because a drift follows it."""
        slopes = self.slopes[start:end]
        peak = int(slopes.argmax())
        low = np.flatnonzero(slopes < TAIL * slopes[peak])
        first = start + int(low[low < peak].max(initial=-1)) + 1
        last = start + int(low[low > peak].min(initial=len(slopes)))
        return (first, last) if self._way(first, last) >= least_size else (start, end)

    def _way(self, first: int, last: int) -> float:
        return self.measure(self.vectors[first], self.vectors[last])

    def progress(self, first: int, last: int) -> np.ndarray:
        """How far the picture is on the straight way from one point to another, 0 to 1, at each point between."""
        points = np.stack([vector.ravel() for vector in self.vectors[first : last + 1]])
        points = points - points[0]
        way = points[-1]
        shares: np.ndarray = points @ way / max(float(way @ way), 1e-300)
        return shares

    def crossing(self, first: int, last: int, share: float) -> tuple[int, float]:
        """The interval in which the progress first passes a share, and the value at which it does."""
        progress = self.progress(first, last)
        i = int(np.flatnonzero(progress >= share - 1e-12)[0]) - 1
        i = max(0, i)
        low, high = progress[i], progress[i + 1]
        part = (share - low) / (high - low) if high > low else 0.0
        interval = first + i
        return interval, float(self.values[interval] + min(max(part, 0.0), 1.0) * self.lengths[interval])

    def transition(self, first: int, last: int, background: Background) -> Transition:
        begin, location, end = (self.crossing(first, last, share)[1] for share in (0.1, 0.5, 0.9))
        size = self._way(first, last)
        width = max(end - begin, np.finfo(float).eps * abs(location))
        steepness = 0.8 * size / width / max(background.median_slope, 1e-300)
        verdict: Verdict = "abrupt" if steepness >= ABRUPT else "gradual"
        before, after = float(self.values[first]), float(self.values[last])
        return Transition(before, after, location, width, size, steepness, verdict)
