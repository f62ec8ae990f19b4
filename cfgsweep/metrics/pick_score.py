"""The metric `pick_score`."""

from __future__ import annotations

from pydantic import Field

from cfgsweep.metrics.base import MetricSettings
from cfgsweep.metrics.text_image import MODEL_HELP, TextImageMetric


class PickSettings(MetricSettings):
    model: str = Field("yuvalkirstain/PickScore_v1", min_length=1, description=MODEL_HELP)
    processor: str | None = Field(
        "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        description="folder or hub id of its tokenizer and image processor; null for those of `model`",
    )


class PickScore(TextImageMetric):
    """PickScore: which of two pictures of a prompt people prefer, by the logit of a CLIP model trained for it."""

    name = "pick_score"
    unit = "PickScore: a logit, about 15 to 25"
    higher_is_better = True
    source_of = "Kirstain et al. 2023, arXiv 2305.01569"
    Settings = PickSettings

    def number(self, cosine: float) -> float:
        return self.encoder.scale * cosine
