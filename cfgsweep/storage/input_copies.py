"""Copies of the pictures that a run begins with, and of the files of its schedules, in its folder.

It can be read and gone on with where the files are gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules import FromFile
from cfgsweep.samplers import PictureFile
from cfgsweep.sweep.schedule_files import schedules_from_files
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.files import copy_file, make_folder, open_atomic

DIGITS = 16  # of the hash, in the name of a copy's folder
LONGEST_STEM = 150  # bytes


def keep_inputs(folder: Path, sweep: Sweep) -> Mapping[PictureFile | FromFile, str]:
    """Copies the sweep's files that are not in the folder yet; by picture or schedule the copy's place below it.

    folder: of the copies. Raises UserError where a file has changed since the sweep was read.
    """
    places = {}
    for kept, given, sha256 in _files(sweep):
        if given.resolve().parent.parent == folder.resolve() and given.parent.name != sha256[:DIGITS]:
            hint = "put it back, or run your own sweep file again, which copies it anew"
            raise UserError("not the file that the run began with", where=str(given), hint=hint)
        copy = folder / sha256[:DIGITS] / _name_of_copy(given)
        if not is_copy(copy):
            _copy(given, sha256, copy)
        places[kept] = f"{folder.name}/{copy.relative_to(folder).as_posix()}"
    return places


def copy_inputs(folders: Iterable[Path], target: Path) -> None:
    """Copies from these folders of copies what is whole and not in the target yet."""
    for folder in folders:
        for copy in folder.glob("*/*"):
            place = target / copy.relative_to(folder)
            if is_copy(copy) and not is_copy(place):
                copy_file(copy, place)


def _files(sweep: Sweep) -> Iterator[tuple[PictureFile | FromFile, Path, str]]:
    """The sweep's pictures and schedules that have a file, each with its path and its hash."""
    turned = [turn.image for turn in sweep.start if turn is not None]
    for picture in dict.fromkeys([*(sweep.image or ()), *(sweep.mask or ()), *turned]):
        if picture is not None and picture.path is not None:
            yield picture, Path(picture.path), picture.sha256
    for schedule in dict.fromkeys(schedules_from_files(sweep)):
        if (sha256 := schedule.sha256()) is not None:
            yield schedule, Path(schedule.path), sha256


def _name_of_copy(given: Path) -> str:
    """No hidden file, and short enough for a temporary file of a longer name."""
    return given.stem.lstrip(".").encode()[:LONGEST_STEM].decode(errors="ignore") + given.suffix


def is_copy(path: Path) -> bool:
    """Is the file there, with the bytes that its folder is named after?"""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS] == path.parent.name
    except OSError:
        return False


def _copy(given: Path, sha256: str, copy: Path) -> None:
    content = given.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError("the file has changed since this command began", given=str(given))
    make_folder(copy.parent)
    with open_atomic(copy) as file:
        file.write(content)
