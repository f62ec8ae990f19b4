"""Checks that a folder is that of a training with the same settings, and writes the settings of a new one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.models.fingerprint import fingerprint, fingerprint_of_part
from cfgsweep.models.source import Source
from cfgsweep.system.files import is_left_behind, is_utf8, open_atomic, remove_left_behind
from cfgsweep.system.locks import LOCKS
from cfgsweep.training.config import TrainConfig, TrainingFile

SETTINGS_FILE = "training.json"
ELSEWHERE = "name another folder with --out"


def check(folder: Path, file: TrainingFile) -> None:
    """Raises UserError where the folder holds anything but a training, or a training with other settings.

    Of a file from which not all is chosen yet, only what it says is compared.
    """
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
    now = dict(_flat(settings_of(file)))
    whole = isinstance(file, TrainConfig)
    for key in {**now, **before} if whole else [key for key in now if now[key] is not None]:
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
        file.write((json.dumps(settings_of(config), indent=1) + "\n").encode())


def remove_temporary(folder: Path) -> None:
    """Removes temporary files of trainings that were killed."""
    for path in list(_all_below(folder)):
        if is_left_behind(path):
            remove_left_behind(path)


def settings_of(file: TrainingFile) -> dict[str, Any]:
    """The settings that weights depend on, of a file from which not all is chosen yet those that it says.

    The fingerprint stands for those of a bundled model.
    """
    partly = not isinstance(file, TrainConfig)
    settings = file.model_dump(mode="json", by_alias=True, exclude={"tracker"}, exclude_unset=partly)
    if (name := file.autoencoder_of) is not None:
        settings["fingerprint"] = fingerprint_of(name, None if file.from_ else "vae")
    return settings


def fingerprint_of(name: str, part: str | None) -> str:
    """64 hex digits that stand for the files of a bundled model, or of one of its parts."""
    source = Source.bundled(name)
    return fingerprint(source) if part is None else fingerprint_of_part(Path(source.place) / part)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as pairs of a dotted key, as in `--set`, and a value."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
