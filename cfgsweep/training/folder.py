"""The folder of a training: that it is one, and with what it was begun."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.system.files import is_left_behind, open_atomic
from cfgsweep.system.locks import LOCKS
from cfgsweep.training.config import TrainConfig

BEGUN = "training.json"
ELSEWHERE = "name another folder with --out"


def check(folder: Path, config: TrainConfig) -> None:
    """Refuse what is no training's folder, or that of one with other settings, whose networks these would not be."""
    if not folder.exists():
        return
    for path in folder.iterdir():
        if path.is_symlink():
            raise UserError("a link: a training writes nothing outside of its folder", where=str(path))
    begun = folder / BEGUN
    if not begun.is_file():
        if any(path.name not in LOCKS and not is_left_behind(path) for path in folder.iterdir()):
            raise UserError("there is something else here already", where=str(folder), hint=ELSEWHERE)
        return
    try:
        before = dict(_flat(json.loads(begun.read_text())))
    except (ValueError, AttributeError, RecursionError):
        raise UserError("damaged: not what a training was begun with", where=str(begun)) from None
    now = dict(_flat(_settings(config)))
    for key in {**now, **before}:
        if before.get(key) != now.get(key):
            problem, allowed = f"{folder} was trained otherwise", str(before.get(key))
            raise UserError(problem, where=key, given=now.get(key), allowed=allowed, hint=ELSEWHERE)


def write_down(folder: Path, config: TrainConfig) -> None:
    """Write down what the training is begun with."""
    with open_atomic(folder / BEGUN) as file:
        file.write((json.dumps(_settings(config), indent=1) + "\n").encode())


def _settings(config: TrainConfig) -> dict[str, Any]:
    """All that weights depend on."""
    return config.model_dump(mode="json", exclude={"tracker"})


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys, as errors and `--set` have them."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
