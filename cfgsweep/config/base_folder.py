"""The folder from which relative paths in a file are meant: that of the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_folder: ContextVar[Path] = ContextVar("folder", default=Path())


def base_folder() -> Path:
    """The folder of the file that is being read; the current one elsewhere."""
    return _folder.get()


@contextmanager
def paths_from(folder: Path) -> Iterator[None]:
    """Inside the block, relative paths are from this folder."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)
