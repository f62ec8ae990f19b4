"""The metric `lpips`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cfgsweep.errors import UserError
from cfgsweep.metrics.base import GroupMetric
from cfgsweep.metrics.distances.lpips import LPIPS

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import SeeingModel


class MeanLPIPS(GroupMetric):
    """Mean LPIPS of two pictures that differ in the seed alone, where torchvision and its AlexNet's weights are."""

    name = "lpips"
    unit = "mean LPIPS of two pictures, 0 or more"
    higher_is_better = True
    source_of = "Zhang et al. 2018, arXiv 1801.03924, by torchmetrics"

    def prepare(self) -> None:
        try:
            self.distance = LPIPS(_no_denoiser)
        except UserError as error:
            error.where = "metrics"
            raise

    def measure(self, images: Sequence[Image.Image]) -> float:
        arrays = [self.distance.embed(image) for image in images]
        pairs = [self.distance.measure(a, b) for a, b in itertools.combinations(arrays, 2)]
        return sum(pairs) / len(pairs)


def _no_denoiser() -> SeeingModel:
    raise AssertionError("LPIPS looks at pixels")
