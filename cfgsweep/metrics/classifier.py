"""The classifier of labels that `cfgsweep train` puts beside a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cfgsweep.errors import UserError, shorten
from cfgsweep.system.quiet import quiet_libraries

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition
    from cfgsweep.models.source import Source


class LabelClassifier:
    """A model's own classifier.

    network: an image classifier of transformers. accuracy: on held-out pictures, None if it is not known.
    """

    def __init__(self, network: Any, device: str = "cpu"):
        self.network, self.device = network.eval().to(device), device
        accuracy = getattr(network.config, "held_out_accuracy", None)
        self.accuracy = accuracy if isinstance(accuracy, float) else None

    @classmethod
    def of_model(cls, source: Source, metric: str = "adherence", device: str = "cpu") -> LabelClassifier:
        """Raises UserError, for a metric, if the model has no classifier beside it, or one that cannot be loaded."""
        from safetensors import SafetensorError

        if not source.on_hub and not source.file("classifier/config.json").is_file():
            raise _no_classifier(source, metric)
        try:
            return cls.load(source.place, source.revision, device)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
            if source.on_hub and isinstance(error, OSError):
                raise _no_classifier(source, metric) from None
            problem = f"{metric} takes a model with a classifier, and this one's cannot be loaded"
            raise UserError(f"{problem}: {shorten(str(error), 300)}", where="metrics", given=source.name) from None

    @classmethod
    def load(cls, place: str, revision: str | None, device: str = "cpu") -> LabelClassifier:
        """The classifier in the folder `classifier` of a model's folder or hub repository."""
        with quiet_libraries("transformers"):
            from transformers import AutoModelForImageClassification

            network = AutoModelForImageClassification.from_pretrained(
                place, subfolder="classifier", revision=revision, use_safetensors=True, trust_remote_code=False
            )
        return cls(network, device)

    def adherence(self, image: Image.Image, label: Condition) -> float:
        """1.0 if the classifier sees the label, which is a class's number or name; else 0.0."""
        return self.adherences([image], [label])[0]

    def adherences(self, images: Sequence[Image.Image], labels: Sequence[Condition]) -> list[float]:
        """The same for pictures of one size, each with its label."""
        names, seen = self.network.config.id2label, self._classes(images)
        return [float(str(label) in (str(one), names[one])) for one, label in zip(seen, labels, strict=True)]

    def seen(self, image: Image.Image) -> int:
        """The number of the class that the classifier sees."""
        return self._classes([image])[0]

    def _classes(self, images: Sequence[Image.Image]) -> list[int]:
        import torch

        with torch.inference_mode():
            found: list[int] = self.network(self._pixels(images)).logits.argmax(1).tolist()
        return found

    def features(self, images: Sequence[Image.Image]) -> np.ndarray:
        """What classes are told from, float32 [pictures, features]. Pictures are made as large as it was trained on."""
        import torch

        side = self.network.config.image_size
        sized = [image if image.size == (side, side) else image.resize((side, side)) for image in images]
        with torch.inference_mode():
            found: np.ndarray = self.network.base_model(self._pixels(sized)).pooler_output.float().cpu().numpy()
        return found

    def _pixels(self, images: Sequence[Image.Image]) -> torch.Tensor:
        import torch

        from cfgsweep.models.codecs import Pixels

        encode = Pixels(self.network.config.num_channels, "cpu").encode
        return torch.cat([encode(image) for image in images]).to(self.device)


def _no_classifier(source: Source, metric: str) -> UserError:
    hint = "`cfgsweep train` puts one beside a model of labels where the training file has a `classifier`"
    return UserError(
        f"{metric} takes a model with a classifier",
        where="metrics",
        given=source.name,
        hint=f"{hint}; for models of texts there are `text_score` and `{{kept: {{texts: [a cat, a dog]}}}}`",
    )
