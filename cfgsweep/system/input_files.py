"""Reads files that users name, up to a size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.system.files import is_utf8
from cfgsweep.system.machine_errors import is_regular

SEPARATORS = (",", ";", "\t")


def separator_of(line: str) -> str:
    """What separates the cells of a line of a CSV file."""
    return max(SEPARATORS, key=line.count)


def is_path(given: object) -> bool:
    """Is it a text that can be the path of a file?"""
    return isinstance(given, str) and given != "" and "\x00" not in given and is_utf8(given)


def content_of(path: Path, most: int) -> bytes:
    """The bytes of a file. Raises UserError where there is none, it cannot be read, or has more than `most` bytes."""
    try:
        if not is_regular(path):
            raise UserError("there is no such file", given=str(path))
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", given=str(path)) from None
    if len(content) > most:
        raise UserError("file too large", given=str(path), allowed=f"at most {most} bytes")
    return content


def unique_keys(pairs: Sequence[tuple[str, Any]], where: str) -> dict[str, Any]:
    """A JSON object, for `object_pairs_hook`. Raises UserError where a key is there twice: json takes the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UserError("a key twice in one object", where=where, given=twice)
    return found
