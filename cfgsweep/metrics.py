"""What guidance does to pictures, in numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops, ImageStat

if TYPE_CHECKING:
    from cfgsweep.conditions import Condition

METRICS = {
    "adherence": "1 where the model's own classifier sees the label that was asked for, else 0",
    "diversity": "mean distance (RMS of all pixels) between two pictures that differ in nothing but the seed",
    "saturation": "mean saturation of the colours, 0 to 1 (HSV)",
    "contrast": "standard deviation of the luminance, 0 to 0.5",
}


def saturation(image: Image.Image) -> float:
    """Mean S of HSV, 0 (grey) to 1."""
    return ImageStat.Stat(image.convert("HSV")).mean[1] / 255


def contrast(image: Image.Image) -> float:
    """Standard deviation of the luminance (ITU-R 601), 0 to 0.5."""
    return ImageStat.Stat(image.convert("L")).stddev[0] / 255


def diversity(images: Sequence[Image.Image]) -> float | None:
    """Mean RMS distance of two of them, 0 to 1; None where there is but one."""
    pairs = [_distance(a, b) for a, b in itertools.combinations([image.convert("RGB") for image in images], 2)]
    return sum(pairs) / len(pairs) if pairs else None


def _distance(a: Image.Image, b: Image.Image) -> float:
    bands = ImageStat.Stat(ImageChops.difference(a, b)).rms
    return math.hypot(*bands) / math.sqrt(len(bands)) / 255


PER_PICTURE: dict[str, Callable[[Image.Image], float]] = {"saturation": saturation, "contrast": contrast}


class Judge:
    """A model's own classifier, which `cfgsweep train` puts beside it.

    network: an image classifier of transformers'. accuracy: on held-out pictures, where it is known.
    """

    def __init__(self, network: Any):
        self.network = network.eval()
        told = getattr(network.config, "held_out_accuracy", None)
        self.accuracy = told if isinstance(told, float) else None

    @classmethod
    def load(cls, place: str, revision: str | None) -> Judge:
        from transformers import AutoModelForImageClassification

        from cfgsweep.models import quieten_libraries

        quieten_libraries()
        return cls(
            AutoModelForImageClassification.from_pretrained(
                place, subfolder="classifier", revision=revision, use_safetensors=True, trust_remote_code=False
            )
        )

    def adherence(self, image: Image.Image, label: Condition) -> float:
        """1 where it sees the label, a class's number or name."""
        import torch

        from cfgsweep.models.codecs import Pixels

        pixels = Pixels(self.network.config.num_channels, "cpu").encode(image)
        with torch.inference_mode():
            seen = int(self.network(pixels).logits.argmax())
        return float(str(label) in (str(seen), self.network.config.id2label[seen]))
