"""Puts a whole folder in the place of another, so that at every moment, and after a loss of power, there is one.

A folder cannot be renamed over another. The old one is renamed aside first, and a reader takes it where the new one is
not there yet.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cfgsweep.system.files import sync_file, sync_folder


def publish(fresh: Path, folder: Path) -> None:
    """Renames `fresh` to `folder`, which may be there, once all of it is on disk."""
    finish_publishing(folder)
    _sync_tree(fresh)
    if folder.exists():
        os.replace(folder, _aside(folder))
    os.replace(fresh, folder)
    sync_folder(folder.parent)  # before the old folder goes
    finish_publishing(folder)


def finish_publishing(folder: Path) -> None:
    """After a kill or a loss of power: the old folder comes back where the new one is not there, or else goes."""
    aside = _aside(folder)
    if not aside.is_dir():
        return
    if folder.exists():
        shutil.rmtree(aside)
    else:
        os.replace(aside, folder)
    sync_folder(folder.parent)


def published(folder: Path) -> Path:
    """Where the folder is: under its name, or aside, where `publish` was cut short."""
    try:
        return _aside(folder) if not folder.exists() and _aside(folder).is_dir() else folder
    except (OSError, ValueError):  # a name that no folder can have, such as a very long one
        return folder


def _aside(folder: Path) -> Path:
    return folder.with_name(folder.name + ".before")


def _sync_tree(folder: Path) -> None:
    """Writes all files and names of a folder to disk."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            with open(Path(place) / name, "rb+") as file:
                sync_file(file)
        sync_folder(Path(place))
    sync_folder(folder.parent)
