"""Checks that a folder is that of a training with the same settings, and writes the settings of a new one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.system.files import is_left_behind, is_utf8, open_atomic, remove_left_behind
from cfgsweep.system.locks import LOCKS
from cfgsweep.training.config import TrainConfig

SETTINGS_FILE = "training.json"
ELSEWHERE = "name another folder with --out"


def check(folder: Path, config: TrainConfig) -> None:
    """Raises UserError where the folder holds anything but a training, or a training with other settings."""
    if not is_utf8(folder):
        raise UserError("not UTF-8: weights cannot be written there", where="--out", given=str(folder))
    if not folder.exists():
        return
    for path in _all_below(folder):
        if path.is_symlink():
            raise UserError("a link: a training writes nothing outside of its folder", where=str(path))
    settings_file = folder / SETTINGS_FILE
    if not settings_file.is_file():
        if any(path.name not in LOCKS and not is_left_behind(path) for path in folder.iterdir()):
            raise UserError("there is something else here already", where=str(folder), hint=ELSEWHERE)
        return
    try:
        before = dict(_flat(json.loads(settings_file.read_text())))
    except (ValueError, AttributeError, RecursionError):
        raise UserError("damaged: not what a training was begun with", where=str(settings_file)) from None
    now = dict(_flat(_settings(config)))
    for key in {**now, **before}:
        if before.get(key) != now.get(key):
            problem, allowed = f"{folder} was trained otherwise", str(before.get(key))
            raise UserError(problem, where=key, given=now.get(key), allowed=allowed, hint=ELSEWHERE)


def _all_below(folder: Path) -> Iterator[Path]:
    """All files and folders; links are not followed."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place) / name for name in (*folders, *files))


def write_down(folder: Path, config: TrainConfig) -> None:
    """Writes the settings of a training that begins in this folder."""
    with open_atomic(folder / SETTINGS_FILE) as file:
        file.write((json.dumps(_settings(config), indent=1) + "\n").encode())


def remove_temporary(folder: Path) -> None:
    """Removes temporary files of trainings that were killed."""
    for path in list(_all_below(folder)):
        if is_left_behind(path):
            remove_left_behind(path)


def _settings(config: TrainConfig) -> dict[str, Any]:
    """The settings that weights depend on."""
    return config.model_dump(mode="json", exclude={"tracker"})


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as pairs of a dotted key, as in `--set`, and a value."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
