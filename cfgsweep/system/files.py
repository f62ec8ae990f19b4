"""Atomic files: written under a temporary name, synced to disk, then renamed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds the path to any OSError from inside: the system does not say which file it could not write."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def is_left_behind(path: Path) -> bool:
    """Whether this is a temporary file of `open_atomic`, and the process that wrote it has ended."""
    import psutil

    named = re.fullmatch(r"\..+\.(\d{1,9})\.tmp", path.name)
    return named is not None and path.is_file() and not psutil.pid_exists(int(named[1]))


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Opens a binary file that appears under its name only when it is complete and on disk."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # the pattern of `is_left_behind`
    try:
        with naming(path), open(fresh, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)  # without effect after the rename
