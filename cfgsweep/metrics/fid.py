"""The metric `fid`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.base import CellMetric
from cfgsweep.metrics.feature_sets import frechet_distance

if TYPE_CHECKING:
    import numpy as np


class FID(CellMetric):
    """Fréchet distance between the features of a cell's pictures and of reference pictures; lower is nearer.

    With the Inception network it is known as FID. It grows as pictures get fewer: compare cells of as many pictures.
    """

    name = "fid"
    unit = "Fréchet distance of features, 0 or more"
    higher_is_better = False
    source_of = "Heusel et al. 2017, arXiv 1706.08500, by torchmetrics"

    def measure(self, features: np.ndarray, reference: np.ndarray) -> float:
        return frechet_distance(features, reference)
