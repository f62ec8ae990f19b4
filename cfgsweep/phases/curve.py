"""A picture as a curve over one value. Pictures are given as vectors, with a function that measures their distance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

Vector = np.ndarray
Measure = Callable[[Vector, Vector], float]


class Curve:
    """At least two points of the curve, by rising value; straight lines between them."""

    def __init__(self, values: Sequence[float] | np.ndarray, vectors: Sequence[Vector], measure: Measure):
        self.values, self.vectors, self.measure = np.asarray(values, float), vectors, measure
        self.distances = np.array([measure(a, b) for a, b in itertools.pairwise(vectors)])
        self.lengths = np.diff(self.values)

    @property
    def span(self) -> float:
        """The width of the whole range, in units of the value."""
        return float(self.values[-1] - self.values[0])

    def distance(self, first: int, last: int) -> float:
        return self.measure(self.vectors[first], self.vectors[last])

    def thinned(self, offset: int) -> Curve:
        """Every second point, beginning with this one, and both ends."""
        last = len(self.values) - 1
        kept = sorted({0, *range(offset, last, 2), last})
        return Curve(self.values[kept], [self.vectors[i] for i in kept], self.measure)

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
