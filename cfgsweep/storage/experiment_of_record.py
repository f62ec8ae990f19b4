"""From a record back to the experiment that it describes."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cfgsweep.config.instances import make
from cfgsweep.config.registry import Registry
from cfgsweep.config.user_code import is_reference
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.models.fingerprint import fingerprint
from cfgsweep.models.info import ModelInfo
from cfgsweep.models.load_settings import LoadSettings
from cfgsweep.models.source import find_source
from cfgsweep.samplers import Fork, PictureFile, UTurn
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.call_inputs import frozen_inputs
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.fields import Size
from cfgsweep.sweep.lora import parse_loras
from cfgsweep.sweep.step_cache import parse_caches

_Model = tuple[str | None, str | None]  # name and revision; None also where a record has something else


def current_ids(records: Iterable[Record]) -> dict[str, str]:
    """By the ids of records, those that their experiments have today; the same where the experiment is not known."""
    records = list(records)
    native = _NativeSizes()
    return {record.id: _current_id(record, native(record)) for record in records}


def _current_id(record: Record, native: Size) -> str:
    """The experiment with this record's settings and its id, of today or an earlier one, has today's id.

    native: the native size of the record's model, None where it is not known.
    """
    for experiment in _candidates(record, native):
        if record.id in (experiment.id, *experiment.other_ids):
            return experiment.id
    return record.id


def _candidates(record: Record, native: Size) -> Iterator[Experiment]:
    """A record has the size of its picture, but not whether the sweep gave that size or left it to the model."""
    fields = record.as_json()
    names = (
        *("model", "revision", "prompt", "negative_prompt", "label", "seed", "steps", "sampler", "value", "vae"),
        *("task", "strength"),
    )
    settings = {name: fields[name] for name in names if name in fields}
    own = record.size if isinstance(record, DoneRecord) else None
    try:
        settings |= {"image": _file(fields.get("input_image")), "mask": _file(fields.get("mask"))}
        settings["call"] = frozen_inputs(fields.get("call") or {})
        (settings["lora"],) = parse_loras([fields.get("lora") or None])
        (settings["cache"],) = parse_caches([fields.get("cache")])
        settings["fork"] = Fork(**found) if (found := fields.get("fork")) else None
        settings["start"] = _turn(fields.get("start"))
        settings["load"] = LoadSettings(**fields.get("load") or {}).id_settings()
        guider = _parsed("guider", json.dumps(fields["guider"]))
        schedule = _parsed("schedule", json.dumps(fields["schedule"]))
        sizes = (None, None if own == native else own) if settings["image"] is None else (own,)
        for size in dict.fromkeys(sizes):
            yield Experiment(**settings, guider=guider, schedule=schedule, size=size, native_size=native)
    except (KeyError, TypeError, ValueError, AttributeError):  # fields of another type; UserError is a ValueError
        return


def control_of_record(record: DoneRecord, of: Experiment) -> Experiment | None:
    """The experiment of a control's record. of: the one that it was added for; None where they do not fit."""
    try:
        guider = _parsed("guider", json.dumps(record.guider))
        schedule = _parsed("schedule", json.dumps(record.schedule))
    except (TypeError, ValueError):
        return None
    if record.value is None:
        return None
    twin = replace(of, guider=guider, schedule=schedule, value=record.value, steps=record.steps, noise_levels=())
    return twin if record.id in (twin.id, *twin.other_ids) else None


def _file(found: Mapping[str, str] | None) -> PictureFile | None:
    """A picture as a record names it. Its size in pixels is not known, and decides nothing."""
    return None if found is None else PictureFile(found["sha256"], found["path"], (8, 8))


def _turn(found: Mapping[str, Any] | None) -> UTurn | None:
    """A U-turn as a record has it: the picture's file with its hash."""
    return None if found is None else UTurn(**{**found, "image": _file(found.get("image"))})


class _NativeSizes:
    """The native sizes of the models of records."""

    def __init__(self) -> None:
        self._found: dict[_Model, tuple[Size, str]] = {}

    def __call__(self, record: Record) -> Size:
        """The native size of the record's model, None unless its files are here and are those of the record."""
        name, revision = model = _model(record)
        if name is None:
            return None
        if model not in self._found:
            self._found[model] = _native_size_and_fingerprint(name, revision)
        size, found = self._found[model]
        recorded = record.fingerprints.get(name, found) if isinstance(record, DoneRecord) else found
        return size if recorded == found else None


def _native_size_and_fingerprint(name: str, revision: str | None) -> tuple[Size, str]:
    source = find_source(name, revision)
    try:
        return (ModelInfo.read(name, revision).native_size, fingerprint(source)) if source else (None, "")
    except UserError:  # its files are damaged, or not on this machine
        return None, ""


def _model(record: Record) -> _Model:
    model, revision = (record.as_json().get(name) for name in ("model", "revision"))
    return model if isinstance(model, str) else None, revision if isinstance(revision, str) else None


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
