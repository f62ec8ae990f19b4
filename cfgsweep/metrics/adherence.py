"""The metric `adherence`, and the classifier that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cfgsweep.metrics.base import LABEL, PICTURE, PictureMetric
from cfgsweep.metrics.classifier import LabelClassifier

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition


class Adherence(PictureMetric):
    """1 if the model's own classifier sees the label that the picture was made for, else 0."""

    name = "adherence"
    unit = "part of the pictures with their label"
    higher_is_better = True

    needs = (PICTURE, LABEL)

    def prepare(self) -> None:
        self.classifier = LabelClassifier.of_model(self.source, self.name, self.device)

    def measure_batch(self, images: Sequence[Image.Image], conditions: Sequence[Condition]) -> list[float]:
        return self.classifier.adherences(images, conditions)

    def notes(self) -> str:
        accuracy = self.classifier.accuracy
        if accuracy is None:
            return ""
        return f"adherence by {self.source.name}'s classifier, right for {accuracy:.1%} of held-out pictures"
