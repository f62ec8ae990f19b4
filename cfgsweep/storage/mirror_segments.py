"""What a mirror of a run folder holds, as lines of JSON in segments: files that never change once they are written.

A segment has a line for every file that was sent, {"path", "size", "sha256"}, and one for every record, {"record"}.
It is written after the files that it names. Of lines for the same path or the same id, that of the last segment counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from cfgsweep.storage.records import Record, parse_record


@dataclass(frozen=True)
class FileEntry:
    """A file of the run folder: its path there, its size in bytes, and the SHA-256 of its content in hex."""

    path: str
    size: int
    sha256: str

    def line(self) -> str:
        return json.dumps({"path": self.path, "size": self.size, "sha256": self.sha256})


@dataclass
class Contents:
    """Files by path and records by id."""

    files: dict[str, FileEntry] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)

    def add(self, segment: str) -> None:
        """Add what a segment tells. Lines that cannot be read are left out: what they are about is sent again."""
        for line in segment.splitlines():
            match _parse(line):
                case FileEntry() as file:
                    self.files[file.path] = file
                case None:
                    pass
                case record:
                    self.records[record.id] = record

    def lines(self) -> Iterator[str]:
        yield from segment_lines(self.files.values(), self.records.values())


def segment_lines(files: Iterable[FileEntry], records: Iterable[Record]) -> Iterator[str]:
    for file in files:
        yield file.line()
    for record in records:
        yield json.dumps({"record": record.as_json()})


def _parse(line: str) -> FileEntry | Record | None:
    try:
        found = json.loads(line)
        if "record" in found:
            return parse_record(json.dumps(found["record"]))
        file = FileEntry(str(found["path"]), int(found["size"]), str(found["sha256"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return file if _is_inside(file.path) else None


def _is_inside(path: str) -> bool:
    """Is it a path in the run folder? A mirror that somebody else can write to must not name other files."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path and ":" not in path
