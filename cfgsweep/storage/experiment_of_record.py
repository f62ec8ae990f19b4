"""From a record back to the experiment that it describes."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from cfgsweep.config.instances import make
from cfgsweep.config.registry import Registry
from cfgsweep.config.user_code import is_reference
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.experiment import Experiment


def experiment_of(record: Record) -> Experiment | None:
    """The experiment with this record's settings and its id, of today or of version 0.1.

    None where there is none, for instance because the guider is not installed.
    """
    return next((e for e in _candidates(record) if record.id in (e.id, e.legacy_id)), None)


def current_id(record: Record) -> str:
    """The id that the record's experiment has today; the record's own where the experiment is not known."""
    experiment = experiment_of(record)
    return record.id if experiment is None else experiment.id


def _candidates(record: Record) -> Iterator[Experiment]:
    """A record has the size of its picture, but not whether the sweep gave that size or left it to the model."""
    fields = record.as_json()
    names = ("model", "revision", "prompt", "negative_prompt", "label", "seed", "steps", "sampler", "value")
    settings = {name: fields[name] for name in names if name in fields}
    try:
        guider = _parsed("guider", json.dumps(fields["guider"]))
        schedule = _parsed("schedule", json.dumps(fields["schedule"]))
        for size in (None, (record.width, record.height)) if isinstance(record, DoneRecord) else (None,):
            yield Experiment(**settings, guider=guider, schedule=schedule, size=size)
    except (KeyError, TypeError, ValueError, AttributeError):  # fields of another type; UserError is a ValueError
        return


def _names_user_code(spec: Any) -> bool:
    """Does a spec name a class of a user's file, also within its parameters?"""
    if isinstance(spec, dict):
        return any(is_reference(key) or _names_user_code(value) for key, value in spec.items())
    return any(map(_names_user_code, spec)) if isinstance(spec, list) else is_reference(spec)


@functools.lru_cache(maxsize=1024)
def _parsed(kind: str, spec: str) -> Any:
    """A guider or a schedule from the JSON of its spec. Raises ValueError or TypeError where it is none.

    Users' files are not imported because a record names them.
    """
    given = json.loads(spec)
    ((name, parameters),) = ({given: {}} if isinstance(given, str) else given).items()
    if _names_user_code(given):
        raise ValueError("a class of a user's file")
    registry: Registry[Any] = GUIDERS if kind == "guider" else SCHEDULES
    return make(registry.look_up(name), parameters)
