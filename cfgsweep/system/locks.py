"""A lock that lets one command at a time use a folder. The system releases it when the process ends, in any way."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cfgsweep.errors import UserError

LOCKS = LOCK, HOLDER = ".lock", ".lock.holder"  # the lock, and a text that names the process that holds it


@contextmanager
def held(folder: Path, wait: bool, say: Callable[[str], None]) -> Iterator[bool]:
    """Holds the lock of a folder. Yields whether it was waited for: the folder may have changed meanwhile.

    wait: wait for the lock, and call `say` with the process that holds it. Raises UserError where another process
    holds the lock and `wait` is false.
    """
    lock, holder = FileLock(folder / LOCK), folder / HOLDER
    waited = False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            hint = "--wait waits until it is done"
            raise UserError(
                "another command is at work in this folder", where=str(folder), given=_read(holder), hint=hint
            ) from None
        say(f"waiting for {_read(holder)}, which is at work in {folder}")
        lock.acquire()
        waited = True
    try:
        holder.write_text(f"process {os.getpid()} on {platform.node()}")
        yield waited
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read(holder: Path) -> str:
    """The text of the holder's file; it may be gone by now."""
    try:
        return holder.read_text()
    except OSError:
        return "a process"
