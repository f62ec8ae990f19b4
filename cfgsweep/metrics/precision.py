"""The metric `precision`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.feature_sets import counts_within, radii
from cfgsweep.metrics.neighbours import NeighbourMetric

if TYPE_CHECKING:
    import numpy as np


class Precision(NeighbourMetric):
    """The share of a cell's pictures that are in the ball of a reference picture: how many look real.

    A ball has its surface, as in the paper and in its authors' code.
    """

    name = "precision"
    unit = "share of pictures near the reference, 0 to 1"
    higher_is_better = True
    source_of = "Kynkäänniemi et al. 2019, arXiv 1904.06991"

    def measure(self, features: np.ndarray, reference: np.ndarray) -> float:
        return float((counts_within(features, reference, radii(reference, self.settings.k)) > 0).mean())
