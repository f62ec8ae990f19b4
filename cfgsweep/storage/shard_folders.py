"""The run folders of shards, within the folder of the run that they are merged into: `shards/<number>-of-<count>`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.storage.artifacts import SHARDS
from cfgsweep.storage.file_state import read_text
from cfgsweep.storage.measured_with import read_measured_with, write_measured_with
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.files import make_folder, open_atomic

NAME = re.compile(r"([1-9]\d*)-of-([1-9]\d*)")
# What decides the last bits of pictures, in environment.json.
KINDS = {
    "device": "device",
    "device_name": "kind of device",
    "capability": "kind of processor",
    "dtype": "dtype",
    "versions": "versions",
}


def shard_folder(run: Path, number: int, count: int) -> Path:
    """The folder of a shard, counted from 1, in that of the run."""
    return run / SHARDS / f"{number}-of-{count}"


@dataclass(frozen=True)
class Shards:
    """The shards of a run that have begun, by their numbers."""

    run: Path
    count: int
    begun: Mapping[int, RunFolder]

    @classmethod
    def of(cls, run: Path) -> Shards:
        """Raises UserError where there are none, or where some are of another number of shards."""
        found: dict[int, dict[int, RunFolder]] = {}
        for path in (run / SHARDS).glob("*-of-*"):
            if (name := NAME.fullmatch(path.name)) and (path / "sweep.yaml").is_file():
                found.setdefault(int(name[2]), {})[int(name[1])] = RunFolder(path)
        if not found:
            hint = "`cfgsweep run CONFIG --shard 1/16` makes the first of 16"
            raise UserError("no shards to merge", where=str(run / SHARDS), hint=hint)
        if len(found) > 1:
            given = ", ".join(f"{len(shards)} of {count}" for count, shards in sorted(found.items()))
            hint = "remove those that are not wanted"
            raise UserError("shards of different cuts", where=str(run / SHARDS), given=given, hint=hint)
        ((count, shards),) = found.items()
        return cls(run, count, dict(sorted(shards.items())))

    @property
    def missing(self) -> list[int]:
        """The numbers of shards that have not begun."""
        return [number for number in range(1, self.count + 1) if number not in self.begun]

    def check_alike(self, run: RunFolder | None = None) -> None:
        """Raises UserError where the shards have different sweeps, or their pictures were made otherwise.

        run: what is merged already, to be compared with, too.
        """
        folders = [*([run] if run else []), *self.begun.values()]
        first, *others = folders
        for other in others:
            if other.sweep_file.read_bytes() != first.sweep_file.read_bytes():
                raise UserError("another sweep", where=str(other.folder), allowed=f"that of {first.folder}")
            for what, one, two in _differences(_environment(first), _environment(other)):
                where, allowed = str(other.folder), f"{one}, as in {first.folder}"
                raise UserError(f"another {what}", where=where, given=two, allowed=allowed)


def _environment(run: RunFolder) -> Mapping[str, Any]:
    try:
        found = json.loads(read_text(run.environment_file) or "")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        hint = f"`cfgsweep run {run.folder}` mends it"
        raise UserError("environment.json is not whole", where=str(run.folder), hint=hint)
    return found


def _differences(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterable[tuple[str, object, object]]:
    """What two environments have otherwise, and how both have it. A model that one has not run yet is no difference."""
    for key, what in KINDS.items():
        if one.get(key) != two.get(key):
            yield what, one.get(key), two.get(key)
    for name, first in one.get("models", {}).items():
        second = two.get("models", {}).get(name, {})
        for key in ("runs", "fingerprint"):
            if None not in (first.get(key), second.get(key)) and first[key] != second[key]:
                yield f"{key} of {name}", first[key], second[key]
        sizes = first.get("batch_sizes", {}), second.get("batch_sizes", {})
        for size in sizes[0].keys() & sizes[1].keys():
            if sizes[0][size] != sizes[1][size]:
                yield f"batch size of {name} at {size}", sizes[0][size], sizes[1][size]


def copy_run(shard: RunFolder, run: RunFolder) -> int:
    """Copies the pictures, previews and failures of a shard that the run lacks; returns how many pictures.

    Pictures whose pixels are not those of their records are left out. A record is written after its picture.
    """
    known: Mapping[str, Record] = run.records()
    here = {name for name, record in known.items() if isinstance(record, DoneRecord) and run.is_whole(record)}
    copied = 0
    for record in shard.records().values():
        if record.id in here or (record.id in known and not isinstance(record, DoneRecord)):
            continue
        if isinstance(record, DoneRecord):
            if not shard.is_whole(record):
                continue
            preview = shard.previews / f"{record.id}.png"
            if preview.is_file():
                _copy(preview, run.previews / preview.name)
            _copy(shard.image_path(record.id), run.image_path(record.id))
            copied += 1
        run.append(record)
    return copied


def copy_what_is_common(shards: Shards, run: RunFolder) -> None:
    """Copies what all shards have alike: the sweep and its inputs, and what they are computed and measured with."""
    first = next(iter(shards.begun.values()))
    for copy in first.inputs.glob("*/*"):
        _copy(copy, run.inputs / copy.relative_to(first.inputs))
    if not run.sweep_file.is_file():
        _copy(first.sweep_file, run.sweep_file)
    if not run.measured_with_file.is_file():
        write_measured_with(_measured_alike(shards), run.measured_with_file)


def merged_environment(shards: Shards) -> dict[str, Any]:
    """environment.json of all shards together: that of the first, with the models that only others have run."""
    first, *others = map(_environment, shards.begun.values())
    models = dict(first.get("models", {}))
    for other in others:
        for name, entry in other.get("models", {}).items():
            known = models.get(name, {})
            sizes = {**entry.get("batch_sizes", {}), **known.get("batch_sizes", {})}
            models[name] = {**entry, **known, **({"batch_sizes": sizes} if sizes else {})}
    return {**first, "models": models}


def _measured_alike(shards: Shards) -> dict[str, Any]:
    """What metrics depend on, for those for which all shards say the same."""
    first, *others = (read_measured_with(run.measured_with_file) for run in shards.begun.values())
    return {name: models for name, models in first.items() if all(other.get(name) == models for other in others)}


def _copy(source: Path, target: Path) -> None:
    make_folder(target.parent)
    with source.open("rb") as given, open_atomic(target) as file:
        shutil.copyfileobj(given, file)
