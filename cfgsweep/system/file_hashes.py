"""SHA-256 of files. Those of large files are remembered between processes, so that they are read once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from cfgsweep.system.files import open_atomic

LARGE = 2**20  # bytes from which a hash is remembered; a smaller file is hashed in a millisecond
MOST_REMEMBERED = 1000  # files

_State = list[int]  # what changes with a file's contents: size, times, inode, device


def sha256_of_files(paths: Iterable[Path]) -> list[str]:
    """The SHA-256 of every file, in hex. Raises OSError where one cannot be read."""
    remembered = _remembered()
    before = dict(remembered)
    hashes = [_sha256(path.resolve(strict=True), remembered) for path in paths]
    if remembered != before:
        _remember(remembered)
    return hashes


def _sha256(path: Path, remembered: dict[str, tuple[_State, str]]) -> str:
    with open(path, "rb") as file:
        state = _state(os.fstat(file.fileno()))
        known_state, known = remembered.get(str(path), ([], ""))
        if known_state == state:
            return known
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if state[0] >= LARGE and _state(os.fstat(file.fileno())) == state:  # nothing wrote to it meanwhile
            remembered.pop(str(path), None)  # the files that were read last come last
            remembered[str(path)] = (state, found)
    return found


def _state(stat: os.stat_result) -> _State:
    """What the system changes with a file's contents.

    No program can set the change time. Only writes through a memory map can leave all of this as it is, until the
    system writes them to disk.
    """
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]


def _file() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(caches) / "cfgsweep" / "file-hashes.json"


def _remembered() -> dict[str, tuple[_State, str]]:
    """The hashes of earlier processes by path; none where the file is missing or damaged."""
    try:
        found = json.loads(_file().read_text())
        return {str(path): (list(map(int, state)), str(sha256)) for path, (state, sha256) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return {}


def _remember(hashes: dict[str, tuple[_State, str]]) -> None:
    """Where there is no place to write to, files are hashed again the next time."""
    latest = dict(list(hashes.items())[-MOST_REMEMBERED:])
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with open_atomic(_file()) as file:
            file.write(json.dumps(latest).encode())
    except OSError:
        pass
