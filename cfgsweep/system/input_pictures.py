"""Reads pictures that users give: any file that browsers show, brought to 8 bits RGB as they show it."""

from __future__ import annotations

import hashlib
import io
import stat
from pathlib import Path

from PIL import Image, ImageOps

from cfgsweep.errors import UserError
from cfgsweep.system.files import naming
from cfgsweep.system.machine_errors import is_regular, status_of
from cfgsweep.system.picture_files import DamagedPicture, TooManyPixels, damage_told, opened

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 8192 * 8192
MOST_BYTES = 2**28


def input_picture(path: Path) -> tuple[Image.Image, str]:
    """The picture in RGB, upright and on white where it is transparent, and the SHA-256 of its file.

    Raises UserError where it is missing, too large, or no whole picture; OSError where the machine fails.
    """
    content = _content(path)
    try:
        image = opened(io.BytesIO(content), FORMATS, most_pixels=MOST_PIXELS)
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise UserError("an animation", given=f"{path}: {frames} frames", allowed="a picture of one frame")
        with damage_told(FORMATS):
            return as_shown(image), hashlib.sha256(content).hexdigest()
    except TooManyPixels as error:
        given = f"{path}: {error.found[0]}x{error.found[1]}"
        raise UserError("too large a picture", given=given, allowed=f"up to {MOST_PIXELS} pixels") from None
    except DamagedPicture as error:
        raise UserError(str(error), given=str(path), allowed="a whole file of " + ", ".join(FORMATS)) from None


def _content(path: Path) -> bytes:
    status = status_of(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise UserError("a folder, not a picture", given=str(path), allowed="the path of a file")
    if not is_regular(path):
        hint = "the folder of a run that began with it has a copy; where that is gone, give the sweep file the picture"
        raise UserError("no such picture file", given=str(path), hint=hint)
    with naming(path), open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UserError("too large a file for a picture", given=str(path), allowed=f"up to {MOST_BYTES} bytes")
    return content


def as_shown(image: Image.Image) -> Image.Image:
    """8 bits RGB, turned as the file's orientation says. Pillow cuts more than 8 bits off, at 255."""
    image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":
        return image.convert("I").point(lambda level: level / 257).convert("L").convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
