"""Pictures in sweep files: `image: [a.png, b.png]` and `mask: m.png`, by paths from the sweep file's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo

from cfgsweep.config.ranges import spread
from cfgsweep.errors import UserError, error_key
from cfgsweep.samplers import PictureFile
from cfgsweep.system.files import is_utf8

FOLDER = "folder"  # the key of the sweep file's folder in the context of a validation
PATH_SCHEMA = {"type": "string", "minLength": 1}


def parse_images(given: Any, info: ValidationInfo | None) -> list[PictureFile] | None:
    """The pictures of the files. Raises UserError where one cannot be read, or is the same as another."""
    if given is None:
        return None
    return _told_apart([_picture(one, info, number) for number, one in enumerate(spread(given))])


def parse_masks(given: Any, info: ValidationInfo) -> list[PictureFile] | None:
    """The same for masks. Raises UserError, too, where one is black all over, so that nothing would be made anew."""
    found = parse_images(given, info)
    for number, mask in enumerate(found or ()):
        if not _has_white(mask):
            problem = "the mask is black everywhere: nothing would be made anew"
            raise UserError(problem, given=mask.path, allowed="white where it is to be made anew").at_key(number)
    return found


def _picture(given: Any, info: ValidationInfo | None, number: int) -> PictureFile:
    from cfgsweep.system.input_pictures import input_picture  # imports Pillow, which most sweeps do not need

    if isinstance(given, PictureFile):  # parsed already
        return given
    if not isinstance(given, str) or not given or "\x00" in given or not is_utf8(given):
        raise UserError("not the path of a picture", given=given, allowed="a path, or a list of paths").at_key(number)
    path = Path(((info and info.context) or {}).get(FOLDER, ""), given).expanduser()
    with error_key(number):
        image, sha256 = input_picture(path)
    if min(image.size) < 8:
        raise UserError("a picture that is smaller than 8 pixels", given=f"{path}: {image.size}").at_key(number)
    return PictureFile(sha256, str(path), image.size)


def _told_apart(pictures: list[PictureFile]) -> list[PictureFile]:
    """Where different pictures have one name, titles have their folders, too."""
    named: dict[str, set[str]] = {}
    for picture in pictures:
        named.setdefault(Path(picture.path or "").stem, set()).add(picture.sha256)
    return [
        replace(picture, shown=f"{path.parent.name}/{path.stem}")
        if len(named[(path := Path(picture.path or "")).stem]) > 1
        else picture
        for picture in pictures
    ]


def _has_white(mask: PictureFile) -> bool:
    """Whether anything is white after the pipelines' own rounding, at half of the levels."""
    from cfgsweep.system.input_pictures import input_picture

    assert mask.path is not None
    return any(input_picture(Path(mask.path))[0].convert("L").histogram()[128:])


def native_size_of(image: PictureFile) -> tuple[int, int]:
    """The size of pictures that are made from this one where none is given: its own, in multiples of 8 pixels."""
    return image.size[0] // 8 * 8, image.size[1] // 8 * 8


def picture_title(name: str, picture: PictureFile | None) -> str:
    """'image cat', by the file's name without ending, and without folder where that is not needed."""
    if picture is None or picture.path is None:
        return f"{name} none"
    return f"{name} {picture.shown or Path(picture.path).stem}"


def is_named(picture: PictureFile | None, wanted: Any) -> bool:
    """Whether an entry of `exclude` names the picture: by its file's name, with or without folders and ending."""
    if picture is None or picture.path is None or not isinstance(wanted, str):
        return picture is wanted
    return Path(wanted).name in (Path(picture.path).name, Path(picture.path).stem)
