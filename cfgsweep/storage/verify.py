"""Finds what is wrong in a run folder, and repairs what needs no computing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cfgsweep.storage.artifacts import ARTIFACTS
from cfgsweep.storage.open_run import unreadable_sweeps
from cfgsweep.storage.png import own_record
from cfgsweep.storage.records import FailedRecord, Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.take_over import take_over_legacy_ids
from cfgsweep.system.display import Display
from cfgsweep.system.files import is_left_behind
from cfgsweep.system.wording import counted


def findings(run: RunFolder) -> Iterator[str]:
    """One sentence for everything that is damaged, lost or no part of the run."""
    for number in run.broken_lines():
        yield f"{run.records_file.name}, line {number}: no whole record; the next run goes without it"
    for record in run.records().values():
        yield from _about_record(run, record)
    if run.environment_is_lost():
        yield f"{run.environment_file.name}: not whole; the next run takes what it can from the pictures' records"
    for artifact in ARTIFACTS:
        for path in artifact.files(run.folder):
            if artifact.is_whole is not None and path.exists() and not artifact.is_whole(path):
                yield f"{path.relative_to(run.folder)}: {artifact.damaged}"
    for path, problem in unreadable_sweeps(run):
        yield f"{path.name}: no sweep that can be read: {problem}; its pictures count as of no sweep"
    for path in run.unknown_files():
        yield f"{path.relative_to(run.folder)}: {_about_unknown_file(run, path)}"


def _about_record(run: RunFolder, record: Record) -> Iterator[str]:
    if isinstance(record, FailedRecord):
        yield f"{record.id}: failed: {record.reason}; --retry-failed tries it again"
        return
    path = run.image_path(record.id)
    try:
        found = run.pictures.sha256(path)
    except OSError as error:  # the picture may be whole
        yield f"{record.id}: its picture cannot be read: {error.strerror}"
        return
    if found is None:
        problem = "its picture is damaged" if path.exists() else "a record without its picture"
        yield f"{record.id}: {problem}; the next run makes it again"
    elif found != record.pixels_sha256:
        yield f"{record.id}: the picture is not the one its record vouches for; the next run makes it again"


def _about_unknown_file(run: RunFolder, path: Path) -> str:
    if is_left_behind(path):
        return "left behind by a kill; the next run removes it"
    if path.stem not in run.records() and own_record(path) is not None:
        return "a picture without its record; the next run takes the record from the picture"
    return "not of this run; left alone"


def repair(run: RunFolder, display: Display) -> None:
    """Remove temporary files of killed commands, and restore lost records and a lost environment from the pictures."""
    run.remove_left_behind()
    for number in run.broken_lines():
        display.notice(f"line {number} of {run.records_file} is no whole record and is passed over")
    restored = _restore_records(run)
    environment = run.environment()
    if environment is not None and run.environment_is_lost():
        run.write_environment(environment.model_dump(exclude_none=True))
        display.notice(f"{run.environment_file} was lost: what it said is taken from the pictures' records")
    if restored:
        display.notice(_back(counted(restored, "picture"), restored == 1))
    renamed = take_over_legacy_ids(run)
    if renamed:
        display.notice(f"{counted(renamed, 'picture')} had ids of an earlier version, and the new ones now")


def _back(pictures: str, one: bool) -> str:
    if one:
        return f"{pictures} had lost its record, and has it back from the picture itself"
    return f"{pictures} had lost their records, and have them back from the pictures themselves"


def _restore_records(run: RunFolder) -> int:
    """Give pictures without a record the one inside them; return how many."""
    found = list(run.unrecorded())
    for record in found:
        run.append(record)
    return len(found)
