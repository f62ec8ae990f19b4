"""What is not as it should be in a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cfgsweep.storage.png import hash_of_file, record_in
from cfgsweep.storage.records import Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.display import Display
from cfgsweep.system.files import is_left_behind


def findings(run: RunFolder) -> Iterator[str]:
    """One sentence for everything that is broken, or belongs to nobody."""
    for number in run.broken_lines():
        yield f"{run.records_file.name}, line {number}: no whole record; the next run goes without it"
    records = run.records()
    for name, record in records.items():
        if record["status"] == "failed":
            yield f"{name}: failed: {record['reason']}; --retry-failed tries it again"
            continue
        found = hash_of_file(run.image_path(name))
        if found is None:
            there = run.image_path(name).exists()
            problem = "its picture is damaged" if there else "a record without its picture"
            yield f"{name}: {problem}; the next run makes it again"
        elif found != record["pixels_sha256"]:
            yield f"{name}: the picture is not the one its record vouches for; the next run makes it again"
    if run.environment_is_lost():
        yield f"{run.environment_file.name}: not whole; the next run takes what it can from the pictures' records"
    report = run.report_file("phase")
    if report.exists() and run.report("phase") is None:
        yield f"{report.name}: damaged; the same search writes it again"
    for path in run.drawings():
        if hash_of_file(path) is None:
            yield f"{path.relative_to(run.folder)}: damaged; it can be drawn again from the pictures"
    for path in run.unknown_files():
        yield _about(path.relative_to(run.folder), path, records)


def _about(place: Path, path: Path, records: dict[str, Record]) -> str:
    if is_left_behind(path):
        return f"{place}: left behind by a kill; the next run removes it"
    if path.stem not in records and own_record(path) is not None:
        return f"{place}: a picture without its record; the next run takes the record from the picture"
    return f"{place}: not of this run; left alone"


def own_record(path: Path) -> Record | None:
    """The record that a picture carries, if it is of this very picture."""
    record = record_in(path)
    if record is None or record["id"] != path.stem or record.get("pixels_sha256") != hash_of_file(path):
        return None
    return record


def repair(run: RunFolder, display: Display) -> None:
    """What needs no computing: remove what kills left behind, and give pictures their records back."""
    run.remove_left_behind()
    for number in run.broken_lines():
        display.notice(f"line {number} of {run.records_file} is no whole record and is passed over")
    known, adopted = run.records(), 0
    for path in sorted(run.images.glob("*.png")):
        record = own_record(path) if path.stem not in known else None
        if record is not None:
            run.append(record)
            adopted += 1
    if run.environment_is_lost():
        run.write_environment(run.environment())
        display.notice(f"{run.environment_file} was lost: device and batch shape are taken from the pictures' records")
    if adopted:
        display.notice(f"{adopted} pictures had lost their records, and have them back from the pictures themselves")
