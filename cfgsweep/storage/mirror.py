"""A copy of a run folder on other storage, such as S3, by fsspec.

<url>/<path>               the files of the run folder
<url>/segments/*.jsonl     which files there are, their hashes, and the records: `mirror_segments.py`

Every file is written whole, and segments never change, so that a kill at any moment loses nothing that a segment names,
and several machines can send to one mirror at once without a lock, which object stores do not have.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec

from cfgsweep.errors import RunFailed, UserError, did_you_mean, shorten
from cfgsweep.storage.artifacts import SHARDS
from cfgsweep.storage.file_state import Signature, signature
from cfgsweep.storage.mirror_segments import Contents, FileEntry, segment_lines
from cfgsweep.storage.records import Record
from cfgsweep.system.files import make_folder, open_atomic

SEGMENTS, ABOUT = "segments", "about.txt"
ABOUT_TEXT = "Files of a run of cfgsweep: `cfgsweep mirror FOLDER URL --fetch` brings them back.\n"
AT_ONCE = 32  # files that are sent or fetched at the same time, and are in memory meanwhile
MOST_SEGMENTS = 100  # from which they are written as one: each takes a request when a run begins
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss"}  # without folders; makedirs would add a bucket
INSTALL = {"s3": "pip install 'cfgsweep[s3]'", "gs": "pip install gcsfs", "az": "pip install adlfs"}
USUAL = ("s3", "gs", "az", "sftp", "file")


class Mirror:
    """The mirror at a URL, and what it holds."""

    def __init__(self, url: str):
        """Reads what the mirror holds, which takes a request for every segment.

        url: with a protocol that fsspec knows: s3://bucket/place, gs://, az://, file:///place.
        Raises UserError where there is no such protocol, its library is missing, or the place cannot be read.
        """
        self.url = url.rstrip("/")
        self._files, self._root = _file_system(self.url)
        self.contents = Contents()
        self._compared: dict[str, Signature] = {}  # the files that are there, as they were when they were compared
        with self._reached_at_first():
            self._segments = self._read_segments()

    def check_writable(self) -> None:
        """Write a text that says what this is. Raises UserError where nothing can be written."""
        with self._reached_at_first():
            self._write({self._path(SEGMENTS, ABOUT): ABOUT_TEXT.encode()})

    def _read_segments(self) -> list[str]:
        """Read all segments; their paths, in order."""
        self._files.invalidate_cache()
        if not self._files.exists(self._path(SEGMENTS)):
            return []
        there = {path: found["size"] for path, found in self._files.find(self._root, detail=True).items()}
        segments = sorted(path for path in there if path.startswith(self._path(SEGMENTS)) and path.endswith(".jsonl"))
        for _, content in sorted(self._files.cat(segments).items() if segments else ()):
            self.contents.add(content.decode(errors="replace"))
        gone = [name for name, file in self.contents.files.items() if there.get(self._path(name)) != file.size]
        for name in gone:  # removed or damaged there: sent again
            del self.contents.files[name]
        return segments

    def parts(self) -> list[Mirror]:
        """The mirrors of the run's shards."""
        with self._reached():
            folder = self._path(SHARDS)
            names = self._files.ls(folder, detail=False) if self._files.exists(folder) else []
        return [Mirror(f"{self.url}/{SHARDS}/{name.rstrip('/').rpartition('/')[2]}") for name in sorted(names)]

    def send(self, folder: Path, paths: Iterable[Path], records: Iterable[Record]) -> int:
        """Send those of these files of a run folder, and those records, that the mirror lacks; how many files.

        Files that are gone meanwhile are left out. After a kill, what a segment names is not sent again. Raises
        RunFailed where the mirror cannot be reached.
        """
        new = [record for record in records if self.contents.records.get(record.id) != record]
        sent, lacking = 0, self._lacking(folder, paths)
        while chunk := list(islice(lacking, AT_ONCE)):
            self._write({self._path(entry.path): content for entry, content, _ in chunk})
            self._add_segment([entry for entry, _, _ in chunk], ())
            self._compared |= {entry.path: state for entry, _, state in chunk}
            sent += len(chunk)
        if new:
            self._add_segment((), new)
        return sent

    def _lacking(self, folder: Path, paths: Iterable[Path]) -> Iterator[tuple[FileEntry, bytes, Signature]]:
        """Files that the mirror lacks, with content and state. Those that are known to be there are not read again."""
        for path in paths:
            name, state = path.relative_to(folder).as_posix(), signature(path)
            if state is None or self._compared.get(name) == state:
                continue
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            entry = FileEntry(name, len(content), hashlib.sha256(content).hexdigest())
            if self.contents.files.get(name) == entry:
                self._compared[name] = state
            else:
                yield entry, content, state

    def _write(self, contents: Mapping[str, bytes]) -> None:
        """Write files by their paths there, as many at once as the storage takes."""
        with self._reached():
            if not OBJECT_STORES.intersection(_protocols(self._files)):
                for folder in {path.rpartition("/")[0] for path in contents}:
                    self._files.makedirs(folder, exist_ok=True)
            self._files.pipe(dict(contents))

    def _add_segment(self, files: Iterable[FileEntry], records: Iterable[Record]) -> None:
        self._segments.append(self._write_segment(segment_lines(files, records)))
        self.contents.files |= {file.path: file for file in files}
        self.contents.records |= {record.id: record for record in records}

    def _write_segment(self, lines: Iterable[str]) -> str:
        """Write a segment that comes after all that were read; its path."""
        last = int(Path(self._segments[-1]).name.partition("-")[0]) if self._segments else 0
        path = self._path(SEGMENTS, f"{last + 1:08d}-{secrets.token_hex(4)}.jsonl")
        self._write({path: "".join(f"{line}\n" for line in lines).encode()})
        return path

    def compact(self) -> None:
        """Write one segment in place of many. Only those are removed whose content is in it."""
        if len(self._segments) <= MOST_SEGMENTS:
            return
        with self._reached():
            fresh = self._write_segment(self.contents.lines())
            self._files.rm(self._segments)
            self._segments = [fresh]

    def lacking(self, folder: Path) -> list[FileEntry]:
        """The mirror's files that the folder lacks."""
        return [file for file in self.contents.files.values() if not (folder / file.path).exists()]

    def fetch(self, folder: Path, files: Sequence[FileEntry]) -> list[str]:
        """Write these files of the mirror into the folder; the paths of those that are damaged in the mirror."""
        damaged = []
        for start in range(0, len(files), AT_ONCE):
            chunk = files[start : start + AT_ONCE]
            with self._reached():
                contents = self._files.cat([self._path(file.path) for file in chunk])
            for file in chunk:
                content = contents[self._path(file.path)]
                if hashlib.sha256(content).hexdigest() != file.sha256:
                    damaged.append(file.path)
                    continue
                make_folder((folder / file.path).parent)
                with open_atomic(folder / file.path) as written:
                    written.write(content)
        return damaged

    def _path(self, *names: str) -> str:
        return "/".join([self._root, *names])

    @contextmanager
    def _reached_at_first(self) -> Iterator[None]:
        """Of a mirror that is not known to be there: the user may have given a wrong one."""
        try:
            with self._reached():
                yield
        except RunFailed as error:
            raise UserError(error.problem, where=error.where, hint="check the URL and the credentials") from None

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turns any error of the storage into RunFailed: every library of fsspec has errors of its own."""
        try:
            yield
        except RunFailed:
            raise
        except Exception as error:
            problem = f"the mirror cannot be reached: {shorten(str(error)) or type(error).__name__}"
            raise RunFailed(problem, where=self.url) from error


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it."""
    protocol, mark, _ = url.partition("://")
    if not mark:
        hint = "a URL such as s3://bucket/place, or file:///a/folder"
        raise UserError("not a URL", where="mirror", given=url, hint=hint)
    known = fsspec.available_protocols()
    if protocol not in known:
        hint = did_you_mean(protocol, USUAL)
        raise UserError("no such storage", where="mirror", given=url, allowed=[*USUAL, "others of fsspec"], hint=hint)
    try:
        files, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        hint = INSTALL.get(protocol, str(error))
        raise UserError(f"{protocol}:// needs another library", where="mirror", given=url, hint=hint) from None
    except Exception as error:
        raise UserError(shorten(str(error)), where="mirror", given=url) from None
    return files, path.rstrip("/")
