"""Reading files that other processes may replace."""

from __future__ import annotations

from pathlib import Path

from cfgsweep.system.machine_errors import is_regular, status_of

Signature = tuple[int, int, int]  # inode, size in bytes, time of change in nanoseconds


def signature(path: Path) -> Signature | None:
    """Differs after a file was replaced or appended to; None where there is no file.

    Raises OSError where the system cannot tell: records must not count as lost because a server does not answer.
    """
    found = status_of(path)
    return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)


def read_text(path: Path) -> str | None:
    """The text of a file; None where there is none, or something whose reading may never end, as of a pipe."""
    return path.read_text(encoding="utf-8", errors="replace") if is_regular(path) else None
