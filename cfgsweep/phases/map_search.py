"""A search over two settings: which kind of picture is where in the plane, refined where two kinds meet."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from cfgsweep.phases.curve import Measure, Vector
from cfgsweep.phases.search_range import SearchRange, rounded

Point = tuple[float, float]
Cell = tuple[float, float, float, float]  # left, right, bottom, top

ALIKE = 0.5  # pictures are of one kind if they are closer than this share of the largest distance between clusters
MAX_KINDS = 10
ROUNDING = 3.0  # floors: where no two pictures are farther apart, there is one kind


class MapSearch:
    """Computes a grid of points, and then in every round cuts each cell with corners of several kinds into four.

    Kinds are clusters of the pictures (average linkage). A picture is of the kind whose mean is nearest to it.
    """

    def __init__(self, across: SearchRange, up: SearchRange, measure: Measure):
        self.across, self.up, self.measure, self.floor = across, up, measure, 0.0
        self.points: dict[Point, Vector] = {}
        columns, rows = ([*zip(r.scan, r.scan[1:], strict=False)] for r in (across, up))
        self.cells: list[Cell] = [(*column, *row) for column in columns for row in rows]

    def next_points(self, capacity: int) -> list[Point]:
        """The points of the next round; none at the end of the search. The capacity makes no difference."""
        if self.points:
            self.cells = [part for cell in self.cells for part in self._parts(cell)]
        corners = dict.fromkeys(corner for cell in self.cells for corner in _corners(cell))
        return [corner for corner in corners if corner not in self.points]

    def add_points(self, vectors: Mapping[Point, Vector]) -> None:
        """Add the pictures at some points, as vectors."""
        self.points |= vectors
        self.__dict__.pop("kinds", None)

    def _parts(self, cell: Cell) -> list[Cell]:
        """Four quarters of a cell in which kinds meet and which is larger than the tolerance; else the cell."""
        left, right, bottom, top = cell
        fine = right - left <= self.across.tolerance and top - bottom <= self.up.tolerance
        if fine or not set(_corners(cell)) <= self.points.keys() or len({self.kinds[c] for c in _corners(cell)}) == 1:
            return [cell]
        middle, level = rounded((left + right) / 2), rounded((bottom + top) / 2)
        sides, heights = ((left, middle), (middle, right)), ((bottom, level), (level, top))
        return [(*side, *height) for side in sides for height in heights]

    @cached_property
    def _means(self) -> list[Vector]:
        """The mean picture of every kind, the most frequent kind first. Of the first round's pictures alone."""
        pictures = list(self.points.values())
        distances = np.array([[self.measure(a, b) for b in pictures] for a in pictures])
        if distances.max() < ROUNDING * self.floor:
            return [pictures[0]]
        tree = average(squareform(distances, checks=False))
        clusters = fcluster(tree, ALIKE * tree[-1, 2], "distance")
        kinds = sorted(set(clusters.tolist()), key=lambda kind: -int((clusters == kind).sum()))[:MAX_KINDS]
        return [np.mean([p for p, k in zip(pictures, clusters, strict=True) if k == kind], axis=0) for kind in kinds]

    @cached_property
    def kinds(self) -> dict[Point, int]:
        """The kind of the picture at every point, counted from 0."""
        return {
            point: int(np.argmin([self.measure(picture, mean) for mean in self._means]))
            for point, picture in self.points.items()
        }

    @property
    def areas(self) -> list[tuple[Cell, int | None]]:
        """The cells, each with the kind of the pictures at its corners; None where these are of several kinds.

        None, too, where the search was stopped before they were computed.
        """
        found = ((cell, {self.kinds.get(corner) for corner in _corners(cell)}) for cell in self.cells)
        return [(cell, kinds.pop() if len(kinds) == 1 else None) for cell, kinds in found]

    def typical_points(self) -> list[Point]:
        """For every kind, the point whose picture is nearest to the mean."""
        return [min(self.points, key=lambda point: self.measure(self.points[point], mean)) for mean in self._means]


def _corners(cell: Cell) -> list[Point]:
    left, right, bottom, top = cell
    return [(x, y) for x in (left, right) for y in (bottom, top)]
