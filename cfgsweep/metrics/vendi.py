"""The metric `vendi`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cfgsweep.metrics.base import FeatureMetric, GroupMetric

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


class Vendi(FeatureMetric, GroupMetric):
    """Vendi score of pictures that differ in the seed alone: how many different ones they are worth, from 1 on.

    exp of the entropy of the eigenvalues of K / n, where K has the cosines of the features of n pictures.
    """

    name = "vendi"
    unit = "Vendi score: effective number of different pictures"
    higher_is_better = True
    source_of = "Friedman and Dieng 2022, arXiv 2210.02410"

    def measure(self, images: Sequence[Image.Image]) -> float:
        return vendi_score(self.extractor.of(images))


def vendi_score(features: np.ndarray) -> float:
    """Of features, [pictures, features]."""
    import numpy as np
    from scipy.stats import entropy

    rows = features.astype(np.float64)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    eigenvalues = np.linalg.eigvalsh(rows @ rows.T / len(rows)).clip(0)
    return float(np.exp(entropy(eigenvalues)))
