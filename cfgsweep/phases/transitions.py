"""Where a picture changes abruptly along a value, and how exactly that is known.

A sampler of finitely many steps of a smooth network is continuous in the value, so there are no jumps. What looks like
a flip is a transition that is narrow and large: a stretch of the curve along which the picture changes much faster than
it does over the whole range.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from cfgsweep.phases.curve import Curve
from cfgsweep.phases.stretches import Background, Stretch, Stretches

Verdict = Literal["abrupt", "gradual"]

ABRUPT = 4.0  # in mean slopes
SCALES = 0.85, 1.15  # of the least size: what they change is uncertain


@dataclass(frozen=True)
class Transition:
    """A stretch of values along which one picture becomes another. before, after: its ends.

    location: the value half-way, by projection on the line from one end's vector to the other's. width: from 10 % to
    90 % of that line. size: the distance of the ends. steepness: the slope between 10 % and 90 %, in mean slopes of
    the range. prominence: see Stretch.

    The uncertainties say how far more values may move it: see `Uncertainty`. verdict_margin: how far the nearer end of
    [steepness_low, steepness_high] is from ABRUPT, as a share of ABRUPT; negative where ABRUPT is between them.
    steepness_high is None where the width may be 0.
    """

    before: float
    after: float
    location: float
    width: float
    size: float
    steepness: float
    verdict: Verdict
    prominence: float
    location_uncertainty: float
    width_uncertainty: float
    size_uncertainty: float
    steepness_low: float
    steepness_high: float | None
    verdict_margin: float


@dataclass(frozen=True)
class Shape:
    """A transition without what is known about its uncertainty. slope: between 10 % and 90 %, in distance per unit."""

    before: float
    after: float
    location: float
    width: float
    size: float

    @classmethod
    def of(cls, curve: Curve, first: int, last: int) -> Shape:
        """The transition between two points of a curve."""
        begin, location, end = (curve.crossing(first, last, share)[1] for share in (0.1, 0.5, 0.9))
        width = max(end - begin, np.finfo(float).eps * abs(location), 1e-300)
        return cls(float(curve.values[first]), float(curve.values[last]), location, width, curve.distance(first, last))

    @property
    def slope(self) -> float:
        return 0.8 * self.size / self.width


class Analysis:
    """The transitions of a curve.

    floor: the distance of two pictures below which it is rounding. scale: of the least size of a transition.
    """

    def __init__(self, curve: Curve, floor: float = 0.0, scale: float = 1.0):
        self.curve, self.floor = curve, floor
        self._stretches = Stretches(curve, floor, scale)
        self.background: Background = self._stretches.background
        self.stretches = self._stretches.found()
        self.shapes = [Shape.of(curve, one.first, one.last) for one in self.stretches]

    @property
    def slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """Values by steps of the resolution, [n + 1], and the slope between each two of them, [n]."""
        return self._stretches.walk.values, self._stretches.walk.slopes

    def transitions(self) -> list[Transition]:
        """By rising value."""
        others = [Analysis(self.curve.thinned(offset), self.floor) for offset in (1, 2)]
        others += [Analysis(self.curve, self.floor, scale) for scale in SCALES]
        return [self._transition(*one, others) for one in zip(self.stretches, self.shapes, strict=True)]

    def _transition(self, stretch: Stretch, shape: Shape, others: list[Analysis]) -> Transition:
        steepness = shape.slope / self.background.mean_slope
        verdict: Verdict = "abrupt" if steepness >= ABRUPT else "gradual"
        found = Uncertainty.of(self, stretch, shape, others)
        low, high = (None if bound is None else bound * steepness for bound in found.slope_bounds(shape))
        assert low is not None
        nearest = low - ABRUPT if verdict == "abrupt" else ABRUPT - (np.inf if high is None else high)
        return Transition(
            **asdict(shape),
            steepness=steepness,
            verdict=verdict,
            prominence=stretch.prominence,
            location_uncertainty=found.location,
            width_uncertainty=found.width,
            size_uncertainty=found.size,
            steepness_low=low,
            steepness_high=high,
            verdict_margin=max(float(nearest) / ABRUPT, -1.0),
        )


@dataclass(frozen=True)
class Uncertainty:
    """How far a transition may move with more values: the largest of three things.

    A crossing of 10, 50 or 90 % is anywhere between the computed values around it, and an end within the interval
    beside it. With every second value alone, the same transition is elsewhere and of another size: an error that falls
    with the spacing is smaller than what twice the spacing changes. And where the least size of a transition, slightly
    larger or smaller, gives it other ends, a few more values may do so, too.

    mean_slope: as a share of it.
    """

    location: float
    width: float
    size: float
    mean_slope: float

    @classmethod
    def of(cls, analysis: Analysis, stretch: Stretch, shape: Shape, others: list[Analysis]) -> Uncertainty:
        """others: of the same curve with fewer points, and with other least sizes."""
        curve = analysis.curve
        begin, middle, end = (_reach(curve, stretch, share) for share in (0.1, 0.5, 0.9))
        outside = _outside(curve, stretch)
        found = [one for other in others if (one := _same(shape, other.shapes))]
        means = [other.background.mean_slope / analysis.background.mean_slope for other in others]
        sizes = [abs(one.size - shape.size) for one in found]
        if len(found) < len(others):
            sizes.append(analysis.background.least_size)
        widths = [
            begin + end + shape.width * sum(outside) / shape.size,
            *(abs(one.width - shape.width) for one in found),
        ]
        return cls(
            max([middle, *(abs(one.location - shape.location) for one in found)]),
            max(widths),
            max([analysis.floor, *outside, *sizes]),
            max(abs(mean - 1) for mean in means),
        )

    def slope_bounds(self, shape: Shape) -> tuple[float, float | None]:
        """The least and the largest steepness, as a factor; None where the width may be 0."""
        size, width = self.size / shape.size, self.width / shape.width
        low = max(1 - size, 0.0) / (1 + width) / (1 + self.mean_slope)
        return low, (1 + size) / (1 - width) * (1 + self.mean_slope) if width < 0.99 else None


def _reach(curve: Curve, stretch: Stretch, share: float) -> float:
    """From where the progress crosses a share to the farther one of the points on both sides."""
    interval, value = curve.crossing(stretch.first, stretch.last, share)
    return float(max(value - curve.values[interval], curve.values[interval + 1] - value))


def _outside(curve: Curve, stretch: Stretch) -> list[float]:
    """How far the picture changes across the intervals just outside of a transition."""
    return [float(curve.distances[i]) for i in (stretch.first - 1, stretch.last) if 0 <= i < len(curve.distances)]


def _same(shape: Shape, others: list[Shape]) -> Shape | None:
    """Of those that overlap with it, the one that is nearest."""
    overlapping = [other for other in others if other.before < shape.after and other.after > shape.before]
    return min(overlapping, key=lambda other: abs(other.location - shape.location), default=None)
