"""The metric `kept`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from cfgsweep.errors import UserError
from cfgsweep.metrics.base import MetricSettings, OriginMetric
from cfgsweep.metrics.classifier import LabelClassifier
from cfgsweep.metrics.encoders import TextImageEncoder
from cfgsweep.metrics.features import scorer_folder

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.models.source import Source

Text = Annotated[str, Field(min_length=1, max_length=1000)]


class KeptSettings(MetricSettings):
    """texts: for models of texts, what the model's scorer is to tell apart."""

    unnamed = ("texts",)

    texts: tuple[Text, ...] = Field((), max_length=1000, description="of models of texts: two or more to tell apart")


class Kept(OriginMetric):
    """1 if after a U-turn, or a fork, the same class is seen as without, else 0: by the model's own classifier.

    Of models of texts by their scorer: the one of `texts` that fits best.
    """

    name = "kept"
    unit = "part of the pictures that keep their class"
    Settings = KeptSettings

    def prepare(self) -> None:
        self._encoder: TextImageEncoder | None = None
        self._seen: Callable[[Image.Image], object]
        if self.settings.texts:
            self._encoder = _scorer(self.source, self.settings.texts, self.device)
            self._texts = self._encoder.text_features(self.settings.texts)
            self._seen = self._best_text
        else:
            self._seen = LabelClassifier.of_model(self.source, self.name, self.device).seen

    def provenance(self) -> dict[str, str]:
        """Of what is told apart, and by what."""
        if self._encoder is None:
            return {}
        texts = hashlib.sha256(json.dumps(self.settings.texts).encode()).hexdigest()
        return {"weights": self._encoder.fingerprint, "texts": texts}

    def measure(self, image: Image.Image, origin: Image.Image) -> float:
        return float(self._seen(image) == self._seen(origin))

    def _best_text(self, image: Image.Image) -> int:
        assert self._encoder is not None
        cosines = self._encoder.image_features([image]) @ self._texts.T
        return int(cosines.argmax())


def _scorer(source: Source, texts: tuple[str, ...], device: str) -> TextImageEncoder:
    """Raises UserError where the model has no scorer, or there is nothing to tell apart."""
    if len(set(texts)) < 2:
        raise UserError("kept: texts: nothing to tell apart", given=list(texts), allowed="two or more different texts")
    return TextImageEncoder(str(scorer_folder(source)), device)
