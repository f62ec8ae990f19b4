"""The metric `density`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.feature_sets import counts_within, radii
from cfgsweep.metrics.neighbours import FiveNeighbours, NeighbourMetric

if TYPE_CHECKING:
    import numpy as np


class Density(NeighbourMetric):
    """In how many balls of reference pictures a cell's picture is, over k: 1 where both sets are alike.

    A ball does not have its surface, as in the authors' package `prdc`.
    """

    name = "density"
    unit = "density of pictures in the reference, 1 if alike"
    higher_is_better = True
    formula_version = 2  # in the first one a ball had its surface
    source_of = "Naeem et al. 2020, arXiv 2002.09797"
    Settings = FiveNeighbours

    def measure(self, features: np.ndarray, reference: np.ndarray) -> float:
        counts = counts_within(features, reference, radii(reference, self.settings.k), has_surface=False)
        return float(counts.mean() / self.settings.k)
