"""Copies of the pictures that a run begins with, in its folder: it can be read and gone on with where they are gone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.samplers import PictureFile
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.files import make_folder, open_atomic

DIGITS = 16  # of the hash, in the name of a copy's folder
LONGEST_STEM = 150  # bytes


def keep_inputs(folder: Path, sweep: Sweep) -> Mapping[PictureFile, str]:
    """Copies the files of the sweep's pictures that are not in the folder yet; by picture the copy's place below it.

    folder: of the copies. Raises UserError where a file has changed since the sweep was read.
    """
    places = {}
    for picture in dict.fromkeys([*(sweep.image or ()), *(sweep.mask or ())]):
        if picture is None or picture.path is None:
            continue
        given = Path(picture.path)
        if given.resolve().parent.parent == folder.resolve() and given.parent.name != picture.sha256[:DIGITS]:
            hint = "put it back, or run your own sweep file again, which copies it anew"
            raise UserError("not the picture that the run began with", where=str(given), hint=hint)
        copy = folder / picture.sha256[:DIGITS] / _name_of_copy(given)
        if not is_copy(copy):
            _copy(picture, copy)
        places[picture] = f"{folder.name}/{copy.relative_to(folder).as_posix()}"
    return places


def _name_of_copy(given: Path) -> str:
    """No hidden file, and short enough for a temporary file of a longer name."""
    return given.stem.lstrip(".").encode()[:LONGEST_STEM].decode(errors="ignore") + given.suffix


def is_copy(path: Path) -> bool:
    """Is the file there, with the bytes that its folder is named after?"""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS] == path.parent.name
    except OSError:
        return False


def _copy(picture: PictureFile, copy: Path) -> None:
    content = Path(str(picture.path)).read_bytes()
    if hashlib.sha256(content).hexdigest() != picture.sha256:
        raise UserError("the picture has changed since this command began", given=picture.path)
    make_folder(copy.parent)
    with open_atomic(copy) as file:
        file.write(content)
