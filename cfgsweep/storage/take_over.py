"""Takes over older run folders: pictures and records get the ids that their experiments have today.

These are folders of version 0.1, and those whose sweeps give a model's native size in pixels.

Nothing is computed. Every file is written whole before what it replaces is removed, so that a kill at any moment loses
nothing, and the next run finishes:

1. pictures are written under their new names, with the new id in the record inside;
2. phase.json gets the new ids and paths;
3. the records get the new ids;
4. the old pictures are removed. Those that a kill leaves behind come back as records (`verify.repair`) and are taken
   over again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from cfgsweep.storage.experiment_of_record import current_ids
from cfgsweep.storage.png import own_record, save_png
from cfgsweep.storage.records import BaseRecord, DoneRecord, Record
from cfgsweep.storage.run_folder import RunFolder

R = TypeVar("R", bound=BaseRecord)


def take_over_legacy_ids(run: RunFolder) -> int:
    """Rename pictures and records to the ids of today; return how many there were to rename."""
    ids = current_ids(run.records().values())
    changed = {old: new for old, new in ids.items() if new != old and _is_free(run, old, new)}
    if not changed:
        return 0
    for old, new in changed.items():
        _copy_picture(run, run.records()[old], new)
    _rename_in_report(run, changed)
    run.replace_records(_renamed(run, changed))
    for old in changed:
        if run.image_path(old).is_file():
            run.image_path(old).unlink()
    return len(changed)


def _is_free(run: RunFolder, old: str, new: str) -> bool:
    """Has no other picture the new id? A record without a picture gives way, and so does one of the same pixels."""
    record, present = run.records()[old], run.records().get(new)
    if not isinstance(record, DoneRecord) or not isinstance(present, DoneRecord):
        return True
    return present.pixels_sha256 == record.pixels_sha256 or not (run.is_whole(present) and run.is_whole(record))


def _copy_picture(run: RunFolder, record: Record, new: str) -> None:
    """Write a whole picture under its new id, unless there is one already; only rename one that is not whole."""
    present = run.records().get(new)
    if not isinstance(record, DoneRecord) or (isinstance(present, DoneRecord) and run.is_whole(present)):
        return
    old_path, new_path = run.image_path(record.id), run.image_path(new)
    if run.pictures.sha256(new_path) == record.pixels_sha256:
        return
    if run.is_whole(record):
        save_png(run.load_picture(record), new_path, _with_id(run, own_record(old_path) or record, new))
    elif old_path.is_file():
        os.replace(old_path, new_path)


def _with_id(run: RunFolder, record: R, new: str) -> R:
    return record.changed(**{"id": new, **({"image": run.image_place(new)} if isinstance(record, DoneRecord) else {})})


def _renamed(run: RunFolder, changed: Mapping[str, str]) -> Iterable[Record]:
    """All records in their order with their new ids; for an experiment with two records, the better one."""
    found: dict[str, Record] = {}
    for record in run.records().values():
        renamed = _with_id(run, record, changed[record.id]) if record.id in changed else record
        before = found.get(renamed.id)
        found[renamed.id] = renamed if before is None else max(before, renamed, key=lambda one: _rank(run, one))
    return found.values()


def _rank(run: RunFolder, record: Record) -> tuple[bool, int]:
    """Finished pictures come before failures, and records that have more fields (metrics) before others."""
    return isinstance(record, DoneRecord) and run.is_whole(record), len(record.as_json())


def _rename_in_report(run: RunFolder, changed: Mapping[str, str]) -> None:
    report = run.report()
    if report is None:
        return
    paths = {run.image_place(old): run.image_place(new) for old, new in changed.items()}
    renamed = _replaced(report, {**changed, **paths})
    if renamed != report:
        run.write_report(renamed)


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value with the names in it replaced."""
    if isinstance(value, dict):
        return {key: _replaced(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value
