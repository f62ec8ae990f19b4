"""Copies pictures of one run folder into another, with their previews and records."""

from __future__ import annotations

from collections.abc import Iterable

from cfgsweep.storage.experiment_of_record import current_ids
from cfgsweep.storage.png import diagnostics_in
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.files import copy_file


def copy_pictures(source: RunFolder, target: RunFolder, records: Iterable[DoneRecord]) -> int:
    """Copy those of these pictures of `source` that are whole and that `target` lacks; return how many.

    They get the ids that their experiments have today.
    """
    whole = [record for record in records if source.is_whole(record)]
    ids = current_ids(whole)
    here = {name for name, record in target.records().items() if isinstance(record, DoneRecord)}
    missing = {ids[record.id]: record for record in whole if ids[record.id] not in here}
    for name, record in missing.items():
        if name == record.id:
            copy_picture(source, target, record)
        else:  # the id is in the picture's file, too
            copy_previews(source, target, record.id, name)
            diagnostics = diagnostics_in(source.image_path(record.id))
            target.save(source.load_picture(record), record.changed(id=name).as_json(), diagnostics)
    return len(missing)


def copy_picture(source: RunFolder, target: RunFolder, record: DoneRecord) -> None:
    """Copy a picture and its previews, then its record: a picture that has a record is not copied again."""
    copy_previews(source, target, record.id, record.id)
    copy_file(source.image_path(record.id), target.image_path(record.id))
    target.append(record)


def copy_previews(source: RunFolder, target: RunFolder, before: str, name: str) -> None:
    """Copy the previews that a picture may have. before, name: its id in each of the folders."""
    if source.preview_path(before).is_file():
        copy_file(source.preview_path(before), target.preview_path(name))
