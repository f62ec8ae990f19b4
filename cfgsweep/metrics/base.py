"""What a metric is: a number for one picture, for pictures that differ in the seed alone, or for a whole cell.

A cell is all pictures of the same guidance: of every prompt or label, and every seed. A video's number is the mean over
its frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from cfgsweep.config.registry import Registered, Registry
from cfgsweep.models.video import Picture, frames_of

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition
    from cfgsweep.metrics.features import Features
    from cfgsweep.models.source import Source

PICTURE, PROMPT, LABEL, SEEDS, REFERENCE = "picture", "prompt", "label", "seeds", "reference"
FEATURES_HELP = "own, pixels, classifier, scorer, clip, dino, or the folder or hub id of an encoder"
SMALL_BATCH = 32  # pictures that are measured together


class MetricSettings(BaseModel):
    """The settings of a metric, as a sweep file gives them: `{clip_score: {model: FOLDER}}`. Unknown ones are refused.

    They are part of the name under which records have the number, except those of `unnamed`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    unnamed: ClassVar[tuple[str, ...]] = ()


class AnySettings(MetricSettings):
    """Those of a metric whose code is not at hand."""

    model_config = ConfigDict(extra="allow")


class Metric(Registered):
    """A metric for the pictures of one model. The first line of a subclass's docstring describes it.

    name: how a sweep file calls it. unit: what its number is, with its range, for the axis of a plot.
    higher_is_better: None where that depends on what is wanted.
    formula_version: raised when the same pictures and settings get another number, so that old ones are measured anew.
    source_of: paper or package that it is from. needs: what it is computed from: picture, prompt, label, seeds (several
    pictures that differ in the seed), reference (a set of pictures to compare with).
    Settings: the class of its settings. settings: those that were given, else the usual ones. device: where its network
    runs.

    An instance is made with the model, gets its settings and its device, and is then prepared. Raises UserError, in
    both, if it cannot be had for this model.
    """

    registry: ClassVar[Registry[Metric]] = Registry("metric", __package__)
    unit: ClassVar[str] = ""
    higher_is_better: ClassVar[bool | None] = None
    formula_version: ClassVar[int] = 1
    source_of: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = (PICTURE,)
    Settings: ClassVar[type[MetricSettings]] = MetricSettings

    settings: Any = MetricSettings()
    device: str = "cpu"

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        is_own = "settings" in vars(cls)  # a class may have an attribute of this name for itself
        if not is_own and not any(field.is_required() for field in cls.Settings.model_fields.values()):
            cls.settings = cls.Settings()

    def __init__(self, source: Source):
        self.source = source

    def prepare(self) -> None:
        """Loads what it computes with; nothing is downloaded. Raises UserError if that is not on this machine."""

    def provenance(self) -> dict[str, str]:
        """Hashes of what its numbers depend on beside pictures and settings. With others they are measured anew."""
        return {}

    def notes(self) -> str:
        """One line on how far the numbers can be relied on; empty if there is nothing to say."""
        return ""


class FeatureSettings(MetricSettings):
    features: str = Field("own", min_length=1, description=FEATURES_HELP)


class FeatureMetric(Metric):
    """A metric that sees pictures through features, by its setting `features`. extractor: what gives them."""

    Settings: ClassVar[type[MetricSettings]] = FeatureSettings
    extractor: Features

    def prepare(self) -> None:
        from cfgsweep.metrics.features import features_of

        self.extractor = features_of(self.settings.features, self.source, self.device)

    def provenance(self) -> dict[str, str]:
        return {"features": self.extractor.identity}


class PictureMetric(Metric):
    """A number for each picture. A subclass gives `measure`, or `measure_batch` where a network takes many at once."""

    def measure(self, image: Image.Image, condition: Condition) -> float:
        """Measures an RGB picture that was made for this prompt or label."""
        (found,) = self.measure_batch([image], [condition])
        return found

    def measure_batch(self, images: Sequence[Image.Image], conditions: Sequence[Condition]) -> list[float]:
        """Measures RGB pictures, each made for its prompt or label."""
        if type(self).measure is PictureMetric.measure:
            raise NotImplementedError
        return [self.measure(image, condition) for image, condition in zip(images, conditions, strict=True)]

    def measure_frames(self, picture: Picture, condition: Condition) -> float:
        """The mean over all frames of a picture."""
        (found,) = self.measure_pictures([picture], [condition])
        return found

    def measure_pictures(self, pictures: Sequence[Picture], conditions: Sequence[Condition]) -> list[float]:
        """The mean over the frames of each picture."""
        split = [frames_of(picture) for picture in pictures]
        frames = [(frame, c) for own, c in zip(split, conditions, strict=True) for frame in own]
        numbers: list[float] = []
        for start in range(0, len(frames), SMALL_BATCH):
            numbers += self.measure_batch(*map(list, zip(*frames[start : start + SMALL_BATCH], strict=True)))
        found, rest = [], iter(numbers)
        for own in split:
            found.append(fmean(next(rest) for _ in own))
        return found


class OriginMetric(Metric):
    """A number for each U-turn and each fork, beside the picture that it comes from."""

    def measure(self, image: Image.Image, origin: Image.Image) -> float:
        """Measures an RGB picture; `origin` is the one without the U-turn or the fork."""
        raise NotImplementedError

    def measure_frames(self, picture: Picture, origin: Picture) -> float:
        """The mean over all frames of both."""
        pairs = zip(frames_of(picture), frames_of(origin), strict=False)
        return fmean(self.measure(frame, other) for frame, other in pairs)


class GroupMetric(Metric):
    """One number for all pictures that differ in the seed alone; each of their records has it.

    smallest_group: groups of fewer pictures have no number.
    """

    needs = (PICTURE, SEEDS)
    smallest_group: ClassVar[int] = 2

    def measure(self, images: Sequence[Image.Image]) -> float:
        """Measures the RGB pictures of one group, `smallest_group` or more."""
        raise NotImplementedError

    def measure_frames(self, pictures: Sequence[Picture]) -> float:
        """The mean over all frames: every picture's first frame, every picture's second, and so on."""
        return fmean(self.measure(frames) for frames in zip(*map(frames_of, pictures), strict=False))


class ReferenceSettings(FeatureSettings):
    """reference: a folder of pictures or a parquet file, by its path from the current folder."""

    unnamed = ("reference",)

    reference: str | None = Field(None, min_length=1, description="folder of pictures, or parquet file")


class CellMetric(FeatureMetric):
    """One number for all pictures of a cell against a set of reference pictures; each of the cell's records has it.

    The pictures are seen as their features, one row each; frames of videos count as pictures.
    smallest: how many pictures a cell and the reference set must have.
    """

    needs = (PICTURE, REFERENCE)
    Settings = ReferenceSettings

    @property
    def smallest(self) -> int:
        return 2

    def measure(self, features: np.ndarray, reference: np.ndarray) -> float:
        """Compares two sets of features, float64 [pictures, features], of `smallest` rows or more."""
        raise NotImplementedError


METRICS = Metric.registry
