"""A lock that lets one command at a time use a folder. The system releases it when the process ends, in any way."""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cfgsweep.errors import RunFailed, UserError
from cfgsweep.system.files import naming, open_atomic

LOCKS = LOCK, HOLDER = ".lock", ".lock.holder"  # the lock, and a text that names the process that holds it
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}


@contextmanager
def held(folder: Path, wait: bool, say: Callable[[str], None]) -> Iterator[bool]:
    """Holds the lock of a folder. Yields whether it was waited for: the folder may have changed meanwhile.

    wait: wait for the lock, and call `say` with the process that holds it. Raises UserError where another process
    holds the lock and `wait` is false, RunFailed where the file system gives no locks.
    """
    # No soft lock in its place, a file that stays behind when the process is killed.
    lock, holder = FileLock(folder / LOCK, fallback_to_soft=False), folder / HOLDER
    waited = False
    try:
        _acquire(lock, 0)
    except Timeout:
        if not wait:
            hint = "--wait waits until it is done"
            raise UserError(
                "another command is at work in this folder", where=str(folder), given=_read(holder), hint=hint
            ) from None
        say(f"waiting for {_read(holder)}, which is at work in {folder}")
        _acquire(lock, -1)
        waited = True
    try:
        with open_atomic(holder) as file:
            file.write(f"process {os.getpid()} on {platform.node()}".encode())
        yield waited
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, timeout: float) -> None:
    """Takes the lock; waits at most `timeout` seconds, for ever if it is negative. Raises Timeout after them."""
    path = Path(lock.lock_file)
    try:
        with naming(path):
            lock.acquire(timeout=timeout)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        problem = f"the file system gives no locks ({error.strerror}), so that two commands could write there at once"
        hint = "mount it with locks (NFS: without `nolock`), or name a folder elsewhere with --out"
        raise RunFailed(problem, where=str(path.parent), hint=hint) from None


def _read(holder: Path) -> str:
    """The text of the holder's file; it may be gone by now."""
    try:
        return holder.read_text()
    except OSError:
        return "a process"
