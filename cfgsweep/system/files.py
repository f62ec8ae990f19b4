"""Files that are whole or absent: written under a temporary name, synced, then renamed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    pass


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What goes wrong inside is told with the file: the system does not say which it could not write to."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def is_left_behind(path: Path) -> bool:
    """Was a command that is no more writing this?"""
    import psutil

    named = re.fullmatch(r"\..+\.(\d{1,9})\.tmp", path.name)
    return named is not None and path.is_file() and not psutil.pid_exists(int(named[1]))


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under its name only when it is complete and on disk."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # as `is_left_behind` knows it
    try:
        with naming(path), open(fresh, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)  # it has its name by now, unless something went wrong
