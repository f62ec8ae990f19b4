"""The output folder: the only place where file names are spelled.

sweep.yaml           what was asked, resolved
environment.json     versions, device, dtype, batch shape, model fingerprints, the command
experiments.jsonl    one line an experiment
images/<id>.png      the pictures, each with its record inside
grids/*.png
phase.json, phase.png   what `cfgsweep phase` found
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from cfgsweep.config.yaml_io import dump
from cfgsweep.errors import UserError
from cfgsweep.storage.png import hash_of_file, opened, pixels_sha256, save_png
from cfgsweep.storage.records import Record, environment_of, environment_of_records, record_of
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.system.files import is_left_behind, naming, open_atomic
from cfgsweep.system.locks import LOCKS

REPORTS = ("phase.json", "phase.png")


class RunFolder:
    """One run folder. Every write is whole or absent, so that a kill at any moment loses nothing that was done."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.sweep_file = folder / "sweep.yaml"
        self.environment_file = folder / "environment.json"
        self.records_file = folder / "experiments.jsonl"
        self.images, self.grids = folder / "images", folder / "grids"

    def create(self) -> None:
        """Make the folder, or take the one that is there if it is a run's."""
        if self.folder.exists() and not self._is_ours():
            hint = "name another folder with --out"
            raise UserError("there is something else here already", where=str(self.folder), hint=hint)
        self.check()
        try:
            for folder in (self.images, self.grids):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot be made: {error.strerror}", where=str(self.folder)) from None

    def check(self) -> None:
        """Refuse a folder in which something is not the file or the folder that it is to be."""
        files = self._own_files()
        for path in (self.images, self.grids, *files):
            if path.is_symlink():
                raise UserError("a link: a run writes nothing outside of its folder", where=str(path))
            if path.exists() and not (path.is_file() if path in files else path.is_dir()):
                raise UserError(f"not a {'file' if path in files else 'folder'}", where=str(path))

    def _is_ours(self) -> bool:
        """A run's folder, or one in which nothing is that a run would not have begun with."""
        if not self.folder.is_dir():
            return False
        return (self.sweep_file.exists() and self.images.exists()) or all(
            path in (self.images, self.grids) or path.name in LOCKS or is_left_behind(path)
            for path in self.folder.iterdir()
        )

    # What is there ------------------------------------------------------------------------------------------------

    def records(self) -> dict[str, Record]:
        """Records by id, the last one of an id; lines cut short by a kill are passed over."""
        return {record["id"]: record for record in map(record_of, self._lines()) if record is not None}

    def broken_lines(self) -> list[int]:
        """Numbers, from 1 on, of lines that are no records."""
        return [n for n, line in enumerate(self._lines(), 1) if line.strip() and record_of(line) is None]

    def _lines(self) -> list[str]:
        return (_text(self.records_file) or "").split("\n")

    def done(self, experiments: Iterable[Experiment]) -> dict[str, Record]:
        """Records of those experiments that are there and whole: done, and the picture has the pixels it says."""
        known = self.records()
        wanted = (known.get(experiment.id) for experiment in experiments) if known else ()
        return {record["id"]: record for record in wanted if record and self._is_whole(record)}

    def _is_whole(self, record: Record) -> bool:
        path = self.image_path(record["id"])
        return record["status"] == "done" and hash_of_file(path) == record["pixels_sha256"]

    def failed(self, experiments: Iterable[Experiment]) -> list[Experiment]:
        """Those that were tried, and came to no picture."""
        known = self.records()
        return [e for e in experiments if e.id in known and known[e.id]["status"] == "failed"]

    def environment(self) -> dict[str, Any]:
        """What the folder was made with, or of it what its records know; empty for a new one."""
        return self._kept_environment() or environment_of_records(self.records().values())

    def environment_is_lost(self) -> bool:
        """Are there pictures, and nothing whole that says how they were made?"""
        return not self._kept_environment() and bool(self.environment())

    def _kept_environment(self) -> dict[str, Any]:
        return environment_of(_text(self.environment_file) or "")

    # What is written ----------------------------------------------------------------------------------------------

    def save(self, image: Image.Image, record: Record) -> Record:
        """Write one picture, then its record, which vouches for it. Returns the record with what is known only now."""
        path = self.image_path(record["id"])
        record = {**record, "image": path.relative_to(self.folder).as_posix(), "pixels_sha256": pixels_sha256(image)}
        save_png(image, path, record)
        self.append(record)
        return record

    def save_failure(self, record: Record, reason: str) -> None:
        """Why there is no picture."""
        self.append({**record, "status": "failed", "reason": reason})

    def append(self, record: Record) -> None:
        """Add one record."""
        line = json.dumps(record, ensure_ascii=False) + "\n"
        with naming(self.records_file), open(self.records_file, "ab+") as file:
            if file.tell():  # a line cut short by a kill must not swallow this one
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def sort_records(self, experiments: Iterable[Experiment]) -> None:
        """Put the records in the sweep's order, one line each, whatever order they were made in."""
        known = self.records()
        ordered = [known.pop(experiment.id) for experiment in experiments if experiment.id in known]
        self._write_records([*ordered, *known.values()])

    def update_records(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Add to records what has become known of their pictures, by id."""
        known = self.records()
        self._write_records([{**record, **changes.get(name, {})} for name, record in known.items()])

    def _write_records(self, records: Iterable[Record]) -> None:
        with open_atomic(self.records_file) as file:
            for record in records:
                file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())

    def write_sweep(self, sweep: Sweep) -> None:
        with open_atomic(self.sweep_file) as file:
            file.write(dump(as_written(sweep)))

    def take_over(self, other: RunFolder) -> int:
        """Copy another run's whole pictures and records that are not here yet; return how many."""
        known = self.records()
        found = [r for r in other.records().values() if r["id"] not in known and other._is_whole(r)]
        for record in found:
            self.save(other.load_image(record), record)
        return len(found)

    def report_file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def report(self, name: str) -> dict[str, Any] | None:
        """What `write_report` wrote, if it did."""
        try:
            return json.loads(_text(self.report_file(name)) or "")
        except (ValueError, RecursionError):
            return None

    def write_report(self, name: str, report: Mapping[str, Any], picture: Image.Image) -> None:
        """A report beside the sweep: `<name>.json`, and `<name>.png` to look at."""
        with open_atomic(self.report_file(name)) as file:
            file.write((json.dumps(report, indent=1) + "\n").encode())
        save_png(picture, self.folder / f"{name}.png")

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        with open_atomic(self.environment_file) as file:
            file.write((json.dumps(environment, indent=2) + "\n").encode())

    def drawings(self) -> list[Path]:
        """What is drawn from the pictures, and can be drawn again."""
        reports = (self.folder / name for name in REPORTS if name.endswith(".png"))
        return [*self.grids.glob("[!.]*.png"), *(path for path in reports if path.exists())]

    def unknown_files(self) -> list[Path]:
        """Files that a run does not have, as its records tell."""
        pictures = {self.image_path(name) for name in self.records()}
        known = {*self._own_files(), *pictures, *self.drawings()}
        return sorted(path for path in self.folder.rglob("*") if not path.is_dir() and path not in known)

    def _own_files(self) -> list[Path]:
        """All but pictures and grids."""
        others = (self.folder / name for name in (*REPORTS, *LOCKS))
        return [self.sweep_file, self.environment_file, self.records_file, *others]

    def remove_left_behind(self) -> None:
        """What a killed command was writing."""
        for folder in (self.folder, self.images, self.grids):
            for path in folder.glob(".*.tmp"):
                if is_left_behind(path):
                    path.unlink(missing_ok=True)

    def image_path(self, experiment_id: str) -> Path:
        return self.images / f"{experiment_id}.png"

    def load_image(self, record: Record) -> Image.Image:
        return self.load_image_at(self.image_path(record["id"]).relative_to(self.folder))

    def load_image_at(self, path: str | Path) -> Image.Image:
        """A picture by its path in the folder, as records and reports have it."""
        return opened(self.folder / path).convert("RGB")


def _text(path: Path) -> str | None:
    """Of a file; None where there is none, or something else that one might wait for without end."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
