"""The metric `coverage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.feature_sets import nearest, radii
from cfgsweep.metrics.neighbours import FiveNeighbours, NeighbourMetric

if TYPE_CHECKING:
    import numpy as np


class Coverage(NeighbourMetric):
    """The share of the reference pictures whose ball has a picture of the cell in it.

    A ball does not have its surface, as in the authors' package `prdc`.
    """

    name = "coverage"
    unit = "share of the reference that is covered, 0 to 1"
    higher_is_better = True
    formula_version = 2  # in the first one a ball had its surface
    source_of = "Naeem et al. 2020, arXiv 2002.09797"
    Settings = FiveNeighbours

    def measure(self, features: np.ndarray, reference: np.ndarray) -> float:
        return float((nearest(reference, features) < radii(reference, self.settings.k)).mean())
