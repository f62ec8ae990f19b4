"""The classifier of labels that `cfgsweep train` puts beside a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from cfgsweep.system.quiet import quiet_logs

if TYPE_CHECKING:
    from cfgsweep.guidance.perturbations import Condition


class LabelClassifier:
    """A model's own classifier, which `cfgsweep train` puts beside it.

    network: an image classifier of transformers'. accuracy: on held-out pictures, where it is known.
    """

    def __init__(self, network: Any):
        self.network = network.eval()
        told = getattr(network.config, "held_out_accuracy", None)
        self.accuracy = told if isinstance(told, float) else None

    @classmethod
    def load(cls, place: str, revision: str | None) -> LabelClassifier:
        with quiet_logs("transformers"):
            from transformers import AutoModelForImageClassification

            network = AutoModelForImageClassification.from_pretrained(
                place, subfolder="classifier", revision=revision, use_safetensors=True, trust_remote_code=False
            )
        return cls(network)

    def adherence(self, image: Image.Image, label: Condition) -> float:
        """1 where it sees the label, a class's number or name."""
        import torch

        from cfgsweep.models.codecs import Pixels

        pixels = Pixels(self.network.config.num_channels, "cpu").encode(image)
        with torch.inference_mode():
            seen = int(self.network(pixels).logits.argmax())
        return float(str(label) in (str(seen), self.network.config.id2label[seen]))
