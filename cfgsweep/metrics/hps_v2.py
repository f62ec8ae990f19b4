"""The metric `hps_v2`."""

from __future__ import annotations

from pydantic import Field

from cfgsweep.errors import UserError
from cfgsweep.metrics.base import MetricSettings
from cfgsweep.metrics.text_image import MODEL_HELP, TextImageMetric


class HPSSettings(MetricSettings):
    model: str | None = Field(None, min_length=1, description=MODEL_HELP)


class HPSv2(TextImageMetric):
    """Human preference score v2: the cosine of a CLIP model trained on choices of people, in transformers' form."""

    name = "hps_v2"
    unit = "HPS v2: a cosine, about 0.2 to 0.3"
    higher_is_better = True
    source_of = "Wu et al. 2023, arXiv 2306.09341"
    Settings = HPSSettings

    @property
    def place(self) -> str:
        if self.settings.model is None:
            hint = "{hps_v2: {model: FOLDER}}; the published weights are open_clip's and have to be converted"
            raise UserError("hps_v2 takes weights in transformers' form", where="metrics", hint=hint)
        found: str = self.settings.model
        return found

    def number(self, cosine: float) -> float:
        return cosine
