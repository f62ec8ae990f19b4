"""Drawings such as grids and plots: each says inside what it is, so that no file of the user's is taken for one."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from cfgsweep.storage.decoding import text_of
from cfgsweep.storage.png import hash_of_file, pixels_sha256, save_png
from cfgsweep.system.display import SilentDisplay
from cfgsweep.system.machine_errors import is_regular
from cfgsweep.system.picture_files import NO_PICTURE, damage_told

MARK = "cfgsweep-drawing"  # the text chunk with what a drawing is


def is_drawing(path: Path, what: str) -> bool:
    """Is the file this drawing, as `save_drawing` wrote it?"""
    try:
        return text_of(path, MARK) == what
    except NO_PICTURE:
        return False


def save_drawing(image: Image.Image, path: Path, what: str) -> None:
    """Writes a drawing into a run's folder. A file of the user's in its place is renamed, with a notice.

    That is a whole picture that is not this drawing, or one of another format. A damaged file is replaced.
    what: for instance 'grid tnorm, page 2'. Drawings of version 0.1 do not say what they are: one with the same pixels
    is replaced.
    """
    if not is_drawing(path, what):
        found = hash_of_file(path)
        if found != pixels_sha256(image) if found is not None else _is_other_picture(path):
            put_aside(path, "drawing of this run")
    save_png(image, path, texts={MARK: what})


def _is_other_picture(path: Path) -> bool:
    """Is the file a picture of another format, such as a JPEG?"""
    if not is_regular(path):
        return False
    try:
        with damage_told(), Image.open(path) as picture:
            return picture.format != "PNG"
    except NO_PICTURE:
        return False


def put_aside(path: Path, what: str) -> None:
    """Renames a file of the user's to 'NAME.before.EXT', with a notice. what: what it is not."""
    free = (path.with_stem(f"{path.stem}.before{number}") for number in ("", *range(2, 10_000)))
    aside = next(place for place in free if not place.exists())
    path.rename(aside)
    SilentDisplay().notice(f"{path} was no {what}, and is {aside.name} now")
