"""What a metric is: a number for one picture, or for a group of pictures that differ in the seed alone.

A video's number is the mean over its frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

from cfgsweep.config.registry import Registered, Registry
from cfgsweep.models.video import Picture, frames_of

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition
    from cfgsweep.models.source import Source


class Metric(Registered):
    """A metric for the pictures of one model. The first line of a subclass's docstring describes it.

    Raises UserError, when it is made, if it cannot be had for this model.

    name: how a sweep file calls it. unit: what its number is, with its range, for the axis of a plot.
    higher_is_better: None where that depends on what is wanted.
    """

    registry: ClassVar[Registry[Metric]] = Registry("metric", __package__)
    unit: ClassVar[str] = ""
    higher_is_better: ClassVar[bool | None] = None

    def __init__(self, source: Source):
        self.source = source

    def notes(self) -> str:
        """One line on how far the numbers can be relied on; empty if there is nothing to say."""
        return ""


class PictureMetric(Metric):
    """A number for each picture."""

    def measure(self, image: Image.Image, condition: Condition) -> float:
        """Measures an RGB picture that was made for this prompt or label."""
        raise NotImplementedError

    def measure_frames(self, picture: Picture, condition: Condition) -> float:
        """The mean over all frames of a picture."""
        return fmean(self.measure(frame, condition) for frame in frames_of(picture))


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

    smallest_group: ClassVar[int] = 2

    def measure(self, images: Sequence[Image.Image]) -> float:
        """Measures the RGB pictures of one group, `smallest_group` or more."""
        raise NotImplementedError

    def measure_frames(self, pictures: Sequence[Picture]) -> float:
        """The mean over all frames: every picture's first frame, every picture's second, and so on."""
        return fmean(self.measure(frames) for frames in zip(*map(frames_of, pictures), strict=False))


METRICS = Metric.registry
