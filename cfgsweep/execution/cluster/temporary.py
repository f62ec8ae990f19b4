"""The folder of a Ray cluster's files: below TMPDIR, and removed after the run, also after a kill, or by the next run.

It is not in the run folder, since Ray's sockets are in it, whose paths are short.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.execution.cluster.left_processes import ended_after_a_kill

PREFIX, LOCK = "cfgsweep-ray-", "in-use"
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107  # bytes
SOCKET = "session_2026-12-31_23-59-59_999999_9999999/sockets/plasma_store"  # Ray's longest; its process is at the end


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder that others know to be in use as long as this process lives.

    Raises UserError where its path is too long for sockets.
    """
    _refuse_long_path(tempfile.gettempdir())
    _remove_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with open(folder / LOCK, "wb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            with ended_after_a_kill(folder, folder / LOCK):
                yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_long_path(place: str) -> None:
    most = LONGEST_SOCKET - len(f"/{PREFIX}xxxxxxxx/{SOCKET}")
    if len(os.fsencode(place)) > most:
        problem = "too long for the paths of Ray's sockets, which are below it"
        hint = "set it for this command to another folder, as in TMPDIR=/tmp"
        raise UserError(problem, where="TMPDIR", given=place, allowed=f"at most {most} bytes", hint=hint)


def _remove_left_behind() -> None:
    """Remove the folders of this user's processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with open(folder / LOCK, "rb") as file:  # not there yet in a folder that was just made
                fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
