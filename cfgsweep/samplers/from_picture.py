"""What a picture is made from where it is not made of noise alone: another picture, at a strength, under a mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Task = Literal["text-to-image", "image-to-image", "inpainting"]
TEXT_TO_IMAGE: Task = "text-to-image"
IMAGE_TO_IMAGE: Task = "image-to-image"
INPAINTING: Task = "inpainting"
TASKS = (TEXT_TO_IMAGE, IMAGE_TO_IMAGE, INPAINTING)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file of the user's. Files with equal bytes are equal, wherever they are.

    path: None for a mask that is white everywhere. size: width and height in pixels as it is shown. shown: how titles
    name it where that is not the file's name alone.
    """

    sha256: str
    path: str | None = field(compare=False)
    size: tuple[int, int] = field(compare=False)
    shown: str = field(default="", compare=False)


WHITE = PictureFile("", None, (8, 8))


@dataclass(frozen=True, slots=True)
class FromPicture:
    """The picture that a sampling begins with.

    strength: how much of the noise schedule is gone through, None where the pipeline has no such input.
    mask: white where the picture is made anew; None for image-to-image.
    rounds_up: whether the number of steps is rounded up, see `performed_steps`.
    """

    image: PictureFile
    strength: float | None
    mask: PictureFile | None = None
    rounds_up: bool = False

    def performed_steps(self, steps: int) -> int:
        return steps if self.strength is None else performed_steps(steps, self.strength, self.rounds_up)


def performed_steps(steps: int, strength: float, rounds_up: bool) -> int:
    """How many of a schedule's steps are taken at a strength: the last ones. Computed as diffusers' pipelines do it.

    rounds_up: as pipelines of transformers do; those of U-Nets round down.
    """
    if rounds_up:
        return steps - int(max(steps - min(steps * strength, steps), 0))
    return min(int(steps * strength), steps)
