"""One command at a time in a folder. The system lets go of a lock when its process ends, however it ends."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cfgsweep.errors import UserError

LOCKS = LOCK, HOLDER = ".lock", ".lock.holder"


@contextmanager
def held(folder: Path, wait: bool, say: Callable[[str], None]) -> Iterator[bool]:
    """Have the folder to oneself. Gives whether it took waiting, after which all may be other than it was.

    Raises UserError where another process has it, unless told to wait.
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
    try:
        return holder.read_text()
    except OSError:
        return "a process"
