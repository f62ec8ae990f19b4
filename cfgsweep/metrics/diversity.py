"""The metric `diversity`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageStat
from pydantic import Field

from cfgsweep.metrics.base import FEATURES_HELP, FeatureMetric, GroupMetric, MetricSettings

if TYPE_CHECKING:
    import numpy as np


class DiversitySettings(MetricSettings):
    features: str | None = Field(None, min_length=1, description=f"all pixels if null, else {FEATURES_HELP}")


class Diversity(FeatureMetric, GroupMetric):
    """Mean distance of two pictures that differ in the seed alone: RMS of all pixels, or 1 - cosine of features."""

    name = "diversity"
    unit = "distance: RMS of pixels, or 1 - cosine"
    higher_is_better = True
    Settings = DiversitySettings

    def prepare(self) -> None:
        if self.settings.features is not None:
            super().prepare()

    def provenance(self) -> dict[str, str]:
        return {} if self.settings.features is None else super().provenance()

    def measure(self, images: Sequence[Image.Image]) -> float:
        if self.settings.features is not None:
            return mean_cosine_distance(self.extractor.of(images))
        pairs = [_distance(a, b) for a, b in itertools.combinations([image.convert("RGB") for image in images], 2)]
        return sum(pairs) / len(pairs)


def mean_cosine_distance(features: np.ndarray) -> float:
    """1 - cosine of features [pictures, features], over all pairs."""
    import numpy as np
    from scipy.spatial.distance import pdist

    return float(pdist(features.astype(np.float64), "cosine").mean())


def _distance(a: Image.Image, b: Image.Image) -> float:
    bands = ImageStat.Stat(ImageChops.difference(a, b)).rms
    return math.hypot(*bands) / math.sqrt(len(bands)) / 255
