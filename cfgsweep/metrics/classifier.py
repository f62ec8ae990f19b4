"""The classifier of labels that `cfgsweep train` puts beside a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfgsweep.errors import UserError, shorten
from cfgsweep.system.quiet import quiet_libraries

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition
    from cfgsweep.models.source import Source


class LabelClassifier:
    """A model's own classifier.

    network: an image classifier of transformers. accuracy: on held-out pictures, None if it is not known.
    """

    def __init__(self, network: Any):
        self.network = network.eval()
        accuracy = getattr(network.config, "held_out_accuracy", None)
        self.accuracy = accuracy if isinstance(accuracy, float) else None

    @classmethod
    def of_model(cls, source: Source, metric: str = "adherence") -> LabelClassifier:
        """Raises UserError, for a metric, if the model has no classifier beside it, or one that cannot be loaded."""
        from safetensors import SafetensorError

        if not source.on_hub and not source.file("classifier/config.json").is_file():
            raise _no_classifier(source, metric)
        try:
            return cls.load(source.place, source.revision)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
            if source.on_hub and isinstance(error, OSError):
                raise _no_classifier(source, metric) from None
            problem = f"{metric} takes a model with a classifier, and this one's cannot be loaded"
            raise UserError(f"{problem}: {shorten(str(error), 300)}", where="metrics", given=source.name) from None

    @classmethod
    def load(cls, place: str, revision: str | None) -> LabelClassifier:
        """The classifier in the folder `classifier` of a model's folder or hub repository."""
        with quiet_libraries("transformers"):
            from transformers import AutoModelForImageClassification

            network = AutoModelForImageClassification.from_pretrained(
                place, subfolder="classifier", revision=revision, use_safetensors=True, trust_remote_code=False
            )
        return cls(network)

    def adherence(self, image: Image.Image, label: Condition) -> float:
        """1.0 if the classifier sees the label, which is a class's number or name; else 0.0."""
        seen = self.seen(image)
        return float(str(label) in (str(seen), self.network.config.id2label[seen]))

    def seen(self, image: Image.Image) -> int:
        """The number of the class that the classifier sees."""
        import torch

        from cfgsweep.models.codecs import Pixels

        pixels = Pixels(self.network.config.num_channels, "cpu").encode(image)
        with torch.inference_mode():
            return int(self.network(pixels).logits.argmax())


def _no_classifier(source: Source, metric: str) -> UserError:
    hint = "`cfgsweep train` puts one beside a model of labels where the training file has a `classifier`"
    return UserError(f"{metric} takes a model with a classifier", where="metrics", given=source.name, hint=hint)
