"""experiments.jsonl: one record a line, parsed once and kept in step with what is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from cfgsweep.storage.file_state import Signature, read_text, signature
from cfgsweep.storage.records import Record, parse_record
from cfgsweep.system.files import append, open_atomic


class RecordFile:
    """The records of a run folder by id. The file is parsed again only after another process has changed it."""

    def __init__(self, path: Path):
        self.path = path
        self._records: dict[str, Record] = {}
        self._broken: list[int] = []
        self._parsed: Signature | None = None  # of the file whose content is in memory; None: there was no file

    def records(self) -> Mapping[str, Record]:
        """Records by id in the order of their lines. Of lines with the same id the last one counts."""
        self._parse()
        return MappingProxyType(self._records)

    def broken_lines(self) -> list[int]:
        """Numbers, counted from 1, of lines that are no whole records: cut short by a kill, or not ours."""
        self._parse()
        return list(self._broken)

    def _parse(self) -> None:
        found = signature(self.path)
        if found == self._parsed:
            return
        self._records, self._broken = {}, []
        for number, line in enumerate((read_text(self.path) or "").split("\n"), 1):
            record = parse_record(line) if line.strip() else None
            if record is not None:
                self._records[record.id] = record
            elif line.strip():
                self._broken.append(number)
        self._parsed = found

    def append(self, record: Record) -> None:
        """Write one record at the end of the file and sync it to disk."""
        self._parse()
        append(self.path, (record.line() + "\n").encode())
        self._records[record.id] = record
        self._parsed = signature(self.path)

    def replace(self, records: Iterable[Record]) -> None:
        """Write these records in place of all others."""
        records = list(records)
        with open_atomic(self.path) as file:
            for record in records:
                file.write((record.line() + "\n").encode())
        self._records, self._broken = {record.id: record for record in records}, []
        self._parsed = signature(self.path)
