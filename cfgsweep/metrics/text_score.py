"""The metric `text_score`."""

from __future__ import annotations

from cfgsweep.metrics.features import scorer_folder
from cfgsweep.metrics.text_image import TextImageMetric


class TextScore(TextImageMetric):
    """How well a picture fits its prompt, by the small CLIP model beside the swept model: 100 times the cosine.

    Numbers of two models, or those of `clip_score`, are not comparable.
    """

    name = "text_score"
    unit = "100 x cosine by the model's own scorer"
    higher_is_better = True
    source_of = "the model's scorer, see its card"

    @property
    def place(self) -> str:
        return str(scorer_folder(self.source))

    def number(self, cosine: float) -> float:
        return 100 * cosine

    def notes(self) -> str:
        config = self.encoder.network.config
        accuracy, labels = (getattr(config, f"held_out_{name}", None) for name in ("accuracy", "labels"))
        if not isinstance(accuracy, float) or not isinstance(labels, int):
            return ""
        found = f"it finds the right one of {labels} texts for {accuracy:.1%} of held-out pictures"
        return f"text_score by {self.source.name}'s scorer: {found}"
