"""metrics.json: what the numbers of a run's metrics depend on, beside its pictures and the metrics' settings.

By the name of a metric and that of a model: the version of its formula unless that is 1, and hashes of weights, of the
reference set, and of each set of pictures that has one number together. A number that was measured with others, or of
others, is measured anew. Metrics that depend on nothing else have no entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfgsweep.storage.file_state import read_text
from cfgsweep.system.files import open_atomic

MeasuredWith = dict[str, dict[str, dict[str, str]]]
TOGETHER = "together"  # the key of the hashes of sets of pictures


def read_measured_with(path: Path) -> MeasuredWith:
    """The content of metrics.json; empty where there is none, or it is damaged."""
    return _parsed(read_text(path) or "") or {}


def is_measured_with(path: Path) -> bool:
    """Is the file whole?"""
    return _parsed(read_text(path) or "") is not None


def write_measured_with(found: Mapping[str, Any], path: Path) -> None:
    with open_atomic(path) as file:
        file.write((json.dumps(found, indent=1) + "\n").encode())


def entry_of(found: MeasuredWith, name: str, model: str) -> dict[str, str]:
    """What metrics.json has of a metric and a model; empty where it has nothing."""
    return found.get(name, {}).get(model, {})


def hashes_of(found: MeasuredWith, name: str, model: str) -> dict[str, str]:
    """What numbers depend on beside the pictures; where a reference set lies makes no difference."""
    entry = entry_of(found, name, model)
    return {key: value for key, value in entry.items() if key not in ("reference", TOGETHER)}


def _parsed(text: str) -> MeasuredWith | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    nested = isinstance(found, dict) and all(
        isinstance(models, dict) and all(isinstance(one, dict) for one in models.values()) for models in found.values()
    )
    return found if nested else None
