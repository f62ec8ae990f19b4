"""Features of pictures: what sets of pictures are compared by.

`pixels`: the picture made 16 x 16. `classifier`, `scorer`: the networks that `cfgsweep train` puts beside a model.
`clip`, `dino`: encoders in the hub's cache. Anything else: the folder or the hub id of an image encoder of
transformers. `own`: the model's classifier or scorer, or `clip` where it has neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from cfgsweep.models.source import Source

OWN, PIXELS, CLASSIFIER, SCORER = "own", "pixels", "classifier", "scorer"
SIDE = 16
HUB = {"clip": "openai/clip-vit-base-patch32", "dino": "facebook/dinov2-small"}


class Features:
    """Gives an array for each picture. identity: decides the numbers: a name, with a hash of the weights."""

    identity = ""

    def of(self, images: Sequence[Image.Image]) -> np.ndarray:
        """The features of RGB pictures, float32 [pictures, features]."""
        raise NotImplementedError


class PixelFeatures(Features):
    """RGB from 0 to 1 of the picture made SIDE x SIDE."""

    identity = f"pixels {SIDE}x{SIDE}"

    def of(self, images: Sequence[Image.Image]) -> np.ndarray:
        import numpy as np
        from PIL import Image

        small = [image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for image in images]
        return np.stack([np.asarray(image, dtype=np.float32).ravel() / 255 for image in small])


class ClassifierFeatures(Features):
    """What the model's own classifier of labels sees before it decides."""

    def __init__(self, source: Source, device: str):
        from cfgsweep.metrics.classifier import LabelClassifier
        from cfgsweep.models.fingerprint import fingerprint_of_part

        self.classifier = LabelClassifier.of_model(source, "features: classifier", device)
        self.identity = f"classifier {fingerprint_of_part(source.file('classifier/config.json').parent)}"

    def of(self, images: Sequence[Image.Image]) -> np.ndarray:
        return self.classifier.features(images)


class EncoderFeatures(Features):
    """Normalised image features of an encoder of transformers."""

    def __init__(self, place: str, device: str):
        from cfgsweep.metrics.encoders import ImageEncoder

        self.encoder = ImageEncoder(place, device)
        self.identity = f"encoder {self.encoder.fingerprint}"

    def of(self, images: Sequence[Image.Image]) -> np.ndarray:
        found: np.ndarray = self.encoder.image_features(images).float().cpu().numpy()
        return found


_loaded: dict[tuple[str, str, str], Features] = {}  # several metrics of a run look through the same network
MOST_LOADED = 4


def features_of(name: str, source: Source, device: str) -> Features:
    """The features of that name for the pictures of a model.

    Raises UserError where there are none of that name, or their weights are not on this machine.
    """
    name = _own(source) if name == OWN else name
    key = (name, source.place if name in (CLASSIFIER, SCORER) else "", device)
    if key not in _loaded:
        while len(_loaded) >= MOST_LOADED:
            _loaded.pop(next(iter(_loaded)))
        _loaded[key] = _load(name, source, device)
    return _loaded[key]


def _own(source: Source) -> str:
    """The network beside the model; CLIP where there is none."""
    for part in (CLASSIFIER, SCORER):
        if (Path(source.place) / part / "config.json").is_file():
            return part
    return "clip"


def _load(name: str, source: Source, device: str) -> Features:
    if name == PIXELS:
        return PixelFeatures()
    if name == CLASSIFIER:
        return ClassifierFeatures(source, device)
    if name == SCORER:
        return EncoderFeatures(str(scorer_folder(source)), device)
    return EncoderFeatures(HUB.get(name, name), device)


def scorer_folder(source: Source) -> Path:
    """The folder of the scorer beside a model. Raises UserError where it has none."""
    folder = Path(source.place) / SCORER
    if not (folder / "config.json").is_file():
        hint = "`cfgsweep train` puts one beside a model of texts where the training file has a `scorer`"
        raise UserError("the model has no scorer beside it", where="metrics", given=source.name, hint=hint)
    return folder
