"""The metric `kept`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.base import OriginMetric
from cfgsweep.metrics.classifier import LabelClassifier

if TYPE_CHECKING:
    from PIL import Image


class Kept(OriginMetric):
    """1 if the model's own classifier sees after a U-turn, or a fork, the class that it sees without, else 0."""

    name = "kept"
    unit = "part of the pictures that keep their class"

    def prepare(self) -> None:
        self.classifier = LabelClassifier.of_model(self.source, self.name, self.device)

    def measure(self, image: Image.Image, origin: Image.Image) -> float:
        return float(self.classifier.seen(image) == self.classifier.seen(origin))
