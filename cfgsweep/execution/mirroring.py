"""Keeps a mirror of a run folder on other storage in step with it, and brings back what the folder lacks."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cfgsweep.errors import RunFailed, UserError
from cfgsweep.execution.options import Options
from cfgsweep.execution.run_api import open_run
from cfgsweep.storage.artifacts import SHARDS
from cfgsweep.storage.mirror import Mirror
from cfgsweep.storage.records import Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.display import Display, choose
from cfgsweep.system.files import TEMPORARY
from cfgsweep.system.locks import LOCKS, held
from cfgsweep.system.wording import counted

SECONDS = 30.0  # between two segments of a run: what a lost machine had finished since is computed again


@dataclass(frozen=True)
class Mirrored:
    """How many files were sent, or fetched, and how many the mirror has."""

    folder: Path
    url: str
    moved: int
    files: int
    fetched: bool

    def __str__(self) -> str:
        moved = counted(self.moved, "file")
        return f"{self.url}: {moved} {f'fetched into {self.folder}' if self.fetched else 'sent'}, of {self.files:,}"


def mirror(
    run: str | os.PathLike[str], url: str, *, fetch: bool = False, wait: bool = False, quiet: bool = False
) -> Mirrored:
    """Send what a mirror of a run folder lacks, or fetch what the folder lacks; both by hash, and again after a kill.

    url: s3://bucket/place, or another that fsspec knows. fetch: the other way; shards of the run come, too.
    Files that are in the folder stay as they are. Raises UserError where there is no run, or no such storage, RunFailed
    where the storage cannot be reached or a file of it is damaged.
    """
    display, folder = choose(quiet), Path(run)
    try:
        place = Mirror(url)
        if fetch:
            moved, files = _fetch_with_shards(place, folder, wait, display)
        else:
            moved, files = _send(place, open_run(folder).run_folder, wait, display), len(place.contents.files)
    finally:
        display.close()
    return Mirrored(folder, place.url, moved, files, fetch)


def _send(mirror: Mirror, run: RunFolder, wait: bool, display: Display) -> int:
    mirror.check_writable()
    with held(run.folder, wait, display.notice):
        return send_all(mirror, run)


def send_all(mirror: Mirror, run: RunFolder) -> int:
    """Send every file and record that the mirror lacks; how many files. Shards have mirrors of their own."""
    moved = mirror.send(run.folder, _files(run), run.records().values())
    mirror.compact()
    return moved


def _files(run: RunFolder) -> Iterator[Path]:
    for path in sorted(run.folder.rglob("*")):
        is_ours = path.name not in LOCKS and not TEMPORARY.fullmatch(path.name) and run.shards not in path.parents
        if is_ours and path.is_file() and not path.is_symlink():
            yield path


def _fetch_with_shards(mirror: Mirror, folder: Path, wait: bool, display: Display) -> tuple[int, int]:
    """How many files were fetched, and how many there are; but for those of records, which are put together anew."""
    parts = mirror.parts()
    if not mirror.contents.files and not parts:
        raise UserError("no mirror of a run there", where=mirror.url)
    moved = fetch_missing(mirror, RunFolder(folder), wait, display)
    for part in parts:
        moved += fetch_missing(part, RunFolder(folder / SHARDS / part.url.rpartition("/")[2]), wait, display)
    records = RunFolder(folder).records_file.name
    return moved, sum(path != records for one in (mirror, *parts) for path in one.contents.files)


def fetch_missing(mirror: Mirror, run: RunFolder, wait: bool, display: Display) -> int:
    """Write the files and records that the run folder lacks into it; how many files. It may not be there yet.

    Raises RunFailed where a file of the mirror is not the one that was sent, after all others were written.
    """
    files = [file for file in mirror.lacking(run.folder) if run.folder / file.path != run.records_file]
    known = run.records()
    records = [record for record in mirror.contents.records.values() if record.id not in known]
    if not files and not records:
        return 0
    run.create()
    with held(run.folder, wait, display.notice):
        damaged = mirror.fetch(run.folder, files)
        for record in records:
            run.append(record)
    if damaged:
        lost = f"{counted(len(damaged), 'file')} of the mirror {'is' if len(damaged) == 1 else 'are'} damaged"
        raise RunFailed(f"{lost}: {', '.join(damaged[:3])}", where=mirror.url, hint="remove them there, and send again")
    return len(files)


class Mirroring:
    """Sends the finished pictures of a run to its mirror while it goes on, in a thread of its own."""

    def __init__(self, mirror: Mirror, run: RunFolder, display: Display, seconds: float):
        """seconds: between two segments. display: is used in the thread of `add`, `end` and `stop`."""
        self._mirror, self._run, self._display, self._seconds = mirror, run, display, seconds
        self._waiting: list[Record] = []
        self._changed, self._ended = threading.Lock(), threading.Event()
        self._problem: RunFailed | None = None
        self._thread = threading.Thread(target=self._send_repeatedly, name="mirror", daemon=True)
        self._thread.start()

    @classmethod
    def begin(cls, url: str, run: RunFolder, options: Options, display: Display) -> Mirroring:
        """Fetch what the run folder, which may be that of a shard, lacks, and send from now on.

        Raises UserError where the mirror cannot be reached: nothing was computed yet.
        """
        if options.shard is not None:
            url = f"{url.rstrip('/')}/{options.shard.folder(Path()).as_posix()}"
        mirror = Mirror(url)
        fetched = fetch_missing(mirror, run, options.wait, display)
        mirror.check_writable()
        if fetched:
            display.say(f"{counted(fetched, 'file')} fetched from {url}")
        return cls(mirror, run, display, SECONDS)

    def add(self, record: Record) -> None:
        """A record that was saved, with its picture if it has one."""
        with self._changed:
            self._waiting.append(record)
        if self._problem is not None:
            self._display.notice(f"{self._problem.where}: {self._problem.problem}; it is tried again")
            self._problem = None

    def _send_repeatedly(self) -> None:
        while not self._ended.wait(self._seconds):
            with self._changed:
                records = list(self._waiting)
            try:
                self._send(records)
            except RunFailed as error:
                self._problem = error
            else:
                with self._changed:
                    del self._waiting[: len(records)]

    def _send(self, records: list[Record]) -> None:
        """The sweep and the environment come first: by them the mirror is known to be a run's."""
        run = self._run
        pictures = [path for r in records for path in (run.image_path(r.id), run.preview_path(r.id))]
        self._mirror.send(run.folder, [run.environment_file, run.sweep_file, *pictures], records)

    def end(self) -> None:
        """Send what is left, also grids and the page. Raises RunFailed where the mirror cannot be reached."""
        self._stop_thread()
        try:
            send_all(self._mirror, self._run)
        except RunFailed as error:
            error.hint = self._advice()
            raise
        files = counted(len(self._mirror.contents.files), "file")
        self._display.say(f"{self._mirror.url} is in step with the run folder: {files}")

    def stop(self) -> None:
        """The run was stopped, or never began: send the pictures that were finished."""
        self._stop_thread()
        try:
            if self._waiting:
                self._send(self._waiting)
        except RunFailed as error:
            self._display.notice(f"{error.where}: {error.problem}; {self._advice()}")

    def _advice(self) -> str:
        command = shlex.join(["cfgsweep", "mirror", str(self._run.folder), self._mirror.url])
        return f"`{command}` sends the rest"

    def _stop_thread(self) -> None:
        self._ended.set()
        self._thread.join()
