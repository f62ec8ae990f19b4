"""The metric `kid`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.base import CellMetric
from cfgsweep.metrics.feature_sets import kernel_distance

if TYPE_CHECKING:
    import numpy as np


class KID(CellMetric):
    """Kernel distance (squared MMD, unbiased) between the features of a cell's pictures and of reference pictures."""

    name = "kid"
    unit = "kernel distance of features, about 0 for equal sets"
    higher_is_better = False
    source_of = "Bińkowski et al. 2018, arXiv 1801.01401"

    def measure(self, features: np.ndarray, reference: np.ndarray) -> float:
        return kernel_distance(features, reference)
