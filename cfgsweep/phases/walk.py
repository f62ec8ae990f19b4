"""A curve in steps of equal distance, which are the same however closely the points of the curve are spaced.

The length of a curve through the computed pictures grows with their number, since rounding to 256 levels makes every
picture differ from the next. Steps of a fixed distance do not see what is smaller than one step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfgsweep.phases.curve import Curve, Vector


@dataclass(frozen=True)
class Walk:
    """Steps from the low end of the range to the high end.

    values: where the steps end, beginning with the low end, [n + 1]. passed: the length of the walk up to there.
    """

    values: np.ndarray
    passed: np.ndarray

    @classmethod
    def of(cls, curve: Curve, step: float) -> Walk:
        """Each step ends where the picture is, for the first time, `step` away from the one at the end of the last.

        Where it changes more than that from one point of the curve to the next, there is a step from one to the other.
        """
        mark, ends, lengths = curve.vectors[0], [float(curve.values[0])], [0.0]

        def to(value: float, vector: Vector) -> Vector:
            if value > ends[-1]:
                ends.append(value)
                lengths.append(curve.measure(mark, vector))
            return vector

        for i, distance in enumerate(curve.distances):
            (low, begin), (high, end) = ((float(curve.values[j]), curve.vectors[j]) for j in (i, i + 1))
            if distance >= step:
                mark = to(low, begin)
                mark = to(high, end)
            elif curve.measure(mark, end) >= step:
                share = _share(curve, mark, begin, end, step)
                mark = to(low + (high - low) * share, begin + (end - begin) * share)
        to(float(curve.values[-1]), curve.vectors[-1])
        return cls(np.array(ends), np.cumsum(lengths))

    @property
    def length(self) -> float:
        return float(self.passed[-1])

    @property
    def slopes(self) -> np.ndarray:
        """Distance per unit of value along every step."""
        slopes: np.ndarray = np.diff(self.passed) / np.diff(self.values)
        return slopes

    def median_slope(self) -> float:
        """The slope that half of the range is below."""
        slopes, widths = self.slopes, np.diff(self.values)
        order = np.argsort(slopes)
        half = np.searchsorted(np.cumsum(widths[order]), widths.sum() / 2)
        return float(slopes[order[min(int(half), len(order) - 1)]])

    def rises(self, slope: float, least: float, gap: float, first: int = 0, last: int = -1) -> list[tuple[int, int]]:
        """The stretches along which the walk is longer, by at least `least`, than one of this slope would be.

        Two stretches are apart if it falls behind by at least `gap` between them. `passed - slope * values` is cut at
        its lows and highs of persistence `gap` (Edelsbrunner et al. 2002), which a small change of the walk changes
        little. first, last: look only between these steps.
        """
        last = last % len(self.values)
        heights = (self.passed - slope * self.values)[first : last + 1].tolist()
        found: list[tuple[int, int]] = []
        low = high = 0
        rising = False
        for i, height in enumerate(heights):
            if rising:
                if height > heights[high]:
                    high = i
                elif heights[high] - height >= gap:
                    found.append((low, high))
                    low, rising = i, False
            elif height <= heights[low]:
                low = i
            elif height - heights[low] >= gap:
                high, rising = i, True
        if rising:
            found.append((low, high))
        return [(first + i, first + j) for i, j in found if heights[j] - heights[i] >= least]


def _share(curve: Curve, mark: Vector, begin: Vector, end: Vector, step: float) -> float:
    """How far along the line from begin to end the distance from the mark is `step`. By regula falsi."""
    low, high = 0.0, 1.0
    near, far = curve.measure(mark, begin), curve.measure(mark, end)
    share = 1.0
    for _ in range(4):
        share = low + (high - low) * min(max((step - near) / max(far - near, 1e-300), 0.0), 1.0)
        there = curve.measure(mark, begin + (end - begin) * share)
        if abs(there - step) < 1e-3 * step:
            break
        if there < step:
            low, near = share, there
        else:
            high, far = share, there
    return share
