"""The metric `adherence`, and the classifier that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.metrics.base import PictureMetric
from cfgsweep.metrics.classifier import LabelClassifier

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition
    from cfgsweep.models.source import Source


class Adherence(PictureMetric):
    """1 if the model's own classifier sees the label that the picture was made for, else 0."""

    name = "adherence"
    unit = "part of the pictures with their label"
    higher_is_better = True

    def __init__(self, source: Source):
        super().__init__(source)
        self.classifier = LabelClassifier.of_model(source)

    def measure(self, image: Image.Image, condition: Condition) -> float:
        return self.classifier.adherence(image, condition)

    def notes(self) -> str:
        accuracy = self.classifier.accuracy
        if accuracy is None:
            return ""
        return f"adherence by {self.source.name}'s classifier, right for {accuracy:.1%} of held-out pictures"
