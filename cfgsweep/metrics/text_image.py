"""What metrics have in common that ask a CLIP model how well a text fits a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from cfgsweep.metrics.base import PICTURE, PROMPT, MetricSettings, PictureMetric
from cfgsweep.metrics.encoders import TextImageEncoder

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition

MODEL_HELP = "folder or hub id of a CLIP model in transformers' form"


class ClipSettings(MetricSettings):
    model: str = Field("openai/clip-vit-base-patch32", min_length=1, description=MODEL_HELP)


class TextImageMetric(PictureMetric):
    """A number from the cosine of the features of a picture and its prompt. place: of the model's weights."""

    needs = (PICTURE, PROMPT)

    @property
    def place(self) -> str:
        found: str = self.settings.model
        return found

    def prepare(self) -> None:
        self.encoder = TextImageEncoder(self.place, self.device, getattr(self.settings, "processor", None))

    def provenance(self) -> dict[str, str]:
        return {"weights": self.encoder.fingerprint}

    def measure_batch(self, images: Sequence[Image.Image], conditions: Sequence[Condition]) -> list[float]:
        return [self.number(cosine) for cosine in self.encoder.cosines(images, list(map(str, conditions)))]

    def number(self, cosine: float) -> float:
        """The metric's number of a cosine."""
        return max(0.0, 100 * cosine)
