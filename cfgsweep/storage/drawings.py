"""Drawings such as grids and plots: each says inside what it is, so that no file of the user's is taken for one."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from PIL import Image

from cfgsweep.storage.decoding import text_of
from cfgsweep.storage.png import hash_of_file, pixels_sha256, save_png
from cfgsweep.system.display import SilentDisplay
from cfgsweep.system.files import open_atomic
from cfgsweep.system.machine_errors import is_regular
from cfgsweep.system.picture_files import NO_PICTURE, damage_told

MARK = "cfgsweep-drawing"  # the text chunk with what a drawing is
PNG, PDF, SVG = KINDS = ("png", "pdf", "svg")  # endings of files
BEGINS = {PDF: b"%PDF-", SVG: b"<?xml"}
ENDS = {PDF: b"%%EOF", SVG: b"</svg>"}
AROUND = {PDF: (b"(", b")"), SVG: (b">", b"<")}  # the mark in a file of this kind


def mark_of(what: str) -> str:
    """What a PDF or SVG file has among its metadata. In it are no characters that these formats escape."""
    return f"{MARK}:{quote(what)}"


def is_drawing(path: Path, what: str) -> bool:
    """Is the file this drawing, as `save_drawing` or `save_vector_drawing` wrote it?"""
    kind = path.suffix.lower().removeprefix(".")
    if kind in BEGINS:
        before, after = AROUND[kind]
        return _contains(path, BEGINS[kind], before + mark_of(what).encode() + after)
    try:
        return text_of(path, MARK) == what
    except NO_PICTURE:
        return False


def is_any_drawing(path: Path) -> bool:
    """Is the file a drawing of ours, whichever?"""
    kind = path.suffix.lower().removeprefix(".")
    if kind in BEGINS:
        return _contains(path, BEGINS[kind], AROUND[kind][0] + MARK.encode() + b":")
    try:
        return text_of(path, MARK) is not None
    except NO_PICTURE:
        return False


def is_whole_vector_drawing(path: Path) -> bool:
    """Has a PDF or SVG file its beginning and its end?"""
    kind = path.suffix.lower().removeprefix(".")
    return _contains(path, BEGINS[kind], ENDS[kind])


def _contains(path: Path, begins: bytes, part: bytes) -> bool:
    """Does a regular file begin like this, and have this in it?"""
    if not is_regular(path) or path.stat().st_size == 0:
        return False
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content[: len(begins)] == begins and content.rfind(part) != -1


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


def save_vector_drawing(write: Callable[[BinaryIO, str], None], path: Path, what: str, keep: bool) -> None:
    """Writes a PDF or SVG file, whole or not at all. write: is given the file and the mark to put into it.

    keep: whether a file of the user's in its place is renamed, with a notice.
    """
    if keep and is_regular(path) and path.stat().st_size and not is_drawing(path, what):
        put_aside(path, "drawing of this run")
    with open_atomic(path) as file:
        write(file, mark_of(what))


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
