"""Pictures of one frame, which are PIL images, of several, which are videos, and either as the bytes of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image


@dataclass(frozen=True)
class Video:
    """Two or more RGB frames of one size. fps: frames per second."""

    frames: tuple[Image.Image, ...]
    fps: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.frames[0].size

    @property
    def width(self) -> int:
        return self.frames[0].width

    @property
    def height(self) -> int:
        return self.frames[0].height


MOST_FRAMES = 2**14
MOST_PIXELS = 2**30  # of all frames together: 517 of 1920x1080
DEFAULT_FPS = 8.0  # where nothing tells it

Picture = Image.Image | Video


class Thumbnail(NamedTuple):
    """A small picture of a page. colour: the average, 0xRRGGBB."""

    webp: bytes
    colour: int


@dataclass(frozen=True)
class EncodedPicture:
    """A picture as a PNG file without any text in it, as it comes from another process.

    frames: how many it has. pixels_sha256: see `storage/png.py`. thumb: where it was made with the picture.
    """

    png: bytes
    width: int
    height: int
    frames: int
    pixels_sha256: str
    thumb: Thumbnail | None = None


AnyPicture = Picture | EncodedPicture


def can_be_saved(size: tuple[int, int], frames: int) -> bool:
    """Whether a video of this size in pixels and number of frames is within what is written and read."""
    return frames <= MOST_FRAMES and size[0] * size[1] * frames <= MOST_PIXELS


def frames_of(picture: Picture) -> tuple[Image.Image, ...]:
    """The frames of a video, or the one that an image is."""
    return picture.frames if isinstance(picture, Video) else (picture,)


def frame_count(picture: AnyPicture) -> int:
    return picture.frames if isinstance(picture, EncodedPicture) else len(frames_of(picture))


def chosen_frames(picture: Picture, count: int) -> list[Image.Image]:
    """Evenly spaced frames, all where there are fewer than `count`; the middle one if `count` is 1."""
    frames = frames_of(picture)
    if count == 1:
        return [frames[len(frames) // 2]]
    count = min(count, len(frames))
    return [frames[round(i * (len(frames) - 1) / max(1, count - 1))] for i in range(count)]


def middle_frame(picture: Picture) -> Image.Image:
    """The frame that stands for a video where one has to."""
    return chosen_frames(picture, 1)[0]
