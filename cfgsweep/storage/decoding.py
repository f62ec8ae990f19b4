"""Decodes the pictures of runs: PNG files in RGB, with all of their frames. See `system/picture_files.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image, PngImagePlugin

from cfgsweep.models.video import DEFAULT_FPS, MOST_PIXELS, Picture, Video, can_be_saved
from cfgsweep.system.picture_files import (
    DamagedPicture,
    OtherSize,
    Pixels,
    TooManyPixels,
    damage_told,
    naming_file,
    opened,
)

PNG_MAGIC, CHECKSUM_BYTES = b"\x89PNG\r\n\x1a\n", 4
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")


class OtherFrames(DamagedPicture):
    """A picture of another number of frames than it must have; they are not decoded."""

    def __init__(self, found: int, frames: int):
        super().__init__(f"a picture of {found} frames in the place of {frames}")


def opened_rgb(file: Path | BinaryIO, size: Pixels | None = None, most_pixels: int | None = None) -> Image.Image:
    """A PNG in RGB, see `opened`. Kinds of pixels that Pillow does not convert to RGB count as damage."""
    image = opened(file, size=size, most_pixels=most_pixels)
    with damage_told():
        return image.convert("RGB")


def opened_frames(
    file: Path | BinaryIO, size: Pixels | None = None, frames: int | None = None
) -> Iterator[Image.Image]:
    """The frames of a PNG in RGB, one after the other. Of an APNG these are all that it shows.

    size, frames: what it must have, where that is known. Raises as `opened` does: OtherFrames where there is another
    number of frames, TooManyPixels for more than a video can have, before any is decoded.
    """
    with naming_file(file), damage_told(), Image.open(file, formats=("PNG",)) as image:
        count = getattr(image, "n_frames", 1)
        if size is not None and image.size != size:
            raise OtherSize(image.size, size)
        if frames is not None and count != frames:
            raise OtherFrames(count, frames)
        if count > 1 and not can_be_saved(image.size, count):
            raise TooManyPixels((image.width, image.height * count), MOST_PIXELS)
        for number in range(count):
            image.seek(number)
            yield image.convert("RGB")


def opened_picture(file: Path | BinaryIO, size: Pixels | None = None, frames: int | None = None) -> Picture:
    """A picture with all of its frames in RGB. Raises as `opened_frames` does."""
    found = tuple(opened_frames(file, size, frames))
    if len(found) == 1:
        return found[0]
    duration = found[0].info.get("duration")  # in milliseconds
    return Video(found, round(1000 / duration, 3) if duration else DEFAULT_FPS)


def frame_count(file: Path | BinaryIO) -> int:
    """How many frames a PNG has. Raises as `opened` does, but for damage in the pixels, which are not decoded."""
    with naming_file(file), damage_told(), Image.open(file, formats=("PNG",)) as image:
        return int(getattr(image, "n_frames", 1))


def text_of(path: Path, name: str) -> str | None:
    """A text of a PNG, also behind its pixels, which are not decoded; None where it has none of this name.

    Raises as `opened` does, but for damage behind the text.
    """
    with naming_file(path), damage_told(), open(path, "rb") as file:
        if file.read(len(PNG_MAGIC)) != PNG_MAGIC:
            raise DamagedPicture("no PNG")
        chunks = PngImagePlugin.PngStream(file)
        while name not in chunks.im_text and (chunk := chunks.read())[0] != b"IEND":
            kind, _, length = chunk
            if kind in TEXT_CHUNKS:
                chunks.crc(kind, chunks.call(*chunk))
            else:
                file.seek(length + CHECKSUM_BYTES, os.SEEK_CUR)
        return chunks.im_text.get(name)
