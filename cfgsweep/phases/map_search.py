"""A plane of two settings as a map: which picture one gets where, known finely only where one meets another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from cfgsweep.phases.axis import Axis
from cfgsweep.phases.search_range import Range, short
from cfgsweep.phases.transitions import LEVELS, Measure, Vector
from cfgsweep.sweep.experiment import Experiment

Point = tuple[float, float]
Cell = tuple[float, float, float, float]  # left, right, bottom, top

ALIKE = 0.5  # pictures are of one kind when they are closer than this share of the widest gap between kinds
MOST_KINDS = 10


@dataclass(frozen=True)
class PlaneAxis:
    """Two settings searched together."""

    across: Axis
    up: Axis

    @property
    def name(self) -> str:
        return f"{self.across.name}, {self.up.name}"

    @property
    def fields(self) -> list[str]:
        return list(dict.fromkeys([*self.across.fields, *self.up.fields]))

    def at(self, e: Experiment, point: Point) -> Experiment:
        return self.up.at(self.across.at(e, point[0]), point[1])


class PlaneSearch:
    """A grid, and then rounds: every cell whose corners are not all of one kind is cut into four.

    Kinds are clusters of the grid's pictures (average linkage); later ones belong to the kind they are nearest to.
    """

    def __init__(self, across: Range, up: Range, measure: Measure):
        self.across, self.up, self.measure, self.floor = across, up, measure, 0.0
        self.points: dict[Point, Vector] = {}
        columns, rows = ([*zip(r.scan, r.scan[1:], strict=False)] for r in (across, up))
        self.cells: list[Cell] = [(*column, *row) for column in columns for row in rows]

    def wanted(self, room: int) -> list[Point]:
        """The points of the next round, however many there is room for; none when the map is done."""
        if self.points:
            self.cells = [part for cell in self.cells for part in self._parts(cell)]
        corners = dict.fromkeys(corner for cell in self.cells for corner in _corners(cell))
        return [corner for corner in corners if corner not in self.points]

    def learn(self, found: Mapping[Point, Vector]) -> None:
        self.points |= found
        self.__dict__.pop("kinds", None)

    def _parts(self, cell: Cell) -> list[Cell]:
        """The cell, or its four quarters where kinds meet in it and it is larger than the tolerance."""
        left, right, bottom, top = cell
        fine = right - left <= self.across.tolerance and top - bottom <= self.up.tolerance
        if fine or not set(_corners(cell)) <= self.points.keys() or len({self.kinds[c] for c in _corners(cell)}) == 1:
            return [cell]
        middle, level = short((left + right) / 2), short((bottom + top) / 2)
        sides, heights = ((left, middle), (middle, right)), ((bottom, level), (level, top))
        return [(*side, *height) for side in sides for height in heights]

    @cached_property
    def _typical(self) -> list[Vector]:
        """The mean picture of every kind, the largest kind first."""
        pictures = list(self.points.values())
        distances = np.array([[self.measure(a, b) for b in pictures] for a in pictures])
        if distances.max() < LEVELS * self.floor:
            return [pictures[0]]
        tree = average(squareform(distances, checks=False))
        found = fcluster(tree, ALIKE * tree[-1, 2], "distance")
        kinds = sorted(set(found.tolist()), key=lambda kind: -int((found == kind).sum()))[:MOST_KINDS]
        return [np.mean([p for p, k in zip(pictures, found, strict=True) if k == kind], axis=0) for kind in kinds]

    @cached_property
    def kinds(self) -> dict[Point, int]:
        """Which kind of picture one gets at every point, counted from 0."""
        return {
            point: int(np.argmin([self.measure(picture, kind) for kind in self._typical]))
            for point, picture in self.points.items()
        }

    def most_typical(self) -> list[Point]:
        """For every kind, the point whose picture is nearest to its mean."""
        return [min(self.points, key=lambda point: self.measure(self.points[point], kind)) for kind in self._typical]


def _corners(cell: Cell) -> list[Point]:
    left, right, bottom, top = cell
    return [(x, y) for x in (left, right) for y in (bottom, top)]
