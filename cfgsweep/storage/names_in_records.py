"""What the records of a run know of its guiders and schedules, for reading it without their code."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import Any

from cfgsweep.config.absent import without_code
from cfgsweep.config.instances import make_all
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.storage.records import Record


def names_in_records(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """The names of guiders, schedules and metrics, each with the class variables that ids depend on.

    They are the hash of the file that a class was in, and a guider's default scale. The first record that has one
    counts: a run puts records of earlier sweeps at the end.
    """
    known: dict[str, dict[str, Any]] = {}
    for record in records:
        fields = record.as_json()
        guider, schedule = (_name(fields.get(part)) for part in ("guider", "schedule"))
        for name in [*filter(None, (guider, schedule)), *_mapping(fields.get("metrics"))]:
            known.setdefault(name, {})
        for name, code_hash in _mapping(fields.get("code")).items():
            known.setdefault(name, {}).setdefault("code_hash", str(code_hash))
        value = fields.get("value")
        if guider and isinstance(value, int | float) and not _sets_the_scale(json.dumps(fields.get("schedule"))):
            known[guider].setdefault("default_scale", float(value))
    return known


def _name(spec: object) -> str | None:
    """Of a guider or a schedule as a file gives it; None for anything else, which a damaged record may have."""
    name = next(iter(spec), None) if isinstance(spec, dict) else spec
    return name if isinstance(name, str) else None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@functools.lru_cache(maxsize=1024)
def _sets_the_scale(schedule: str) -> bool:
    """Does this schedule, as JSON, have a value of its own, so that the guider's default scale is not used?"""
    try:
        with without_code({}, SCHEDULES):
            (made,) = make_all(SCHEDULES, json.loads(schedule))
    except ValueError:  # UserError is one
        return False
    return made.own_value() is not None
