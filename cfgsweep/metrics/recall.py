"""The metric `recall`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.feature_sets import counts_within, radii
from cfgsweep.metrics.neighbours import NeighbourMetric

if TYPE_CHECKING:
    import numpy as np


class Recall(NeighbourMetric):
    """The share of the reference pictures that are in the ball of one of a cell's: how much of them is drawn.

    A ball has its surface, as in the paper and in its authors' code.
    """

    name = "recall"
    unit = "share of the reference near pictures, 0 to 1"
    higher_is_better = True
    source_of = "Kynkäänniemi et al. 2019, arXiv 1904.06991"

    def measure(self, features: np.ndarray, reference: np.ndarray) -> float:
        return float((counts_within(reference, features, radii(features, self.settings.k)) > 0).mean())
