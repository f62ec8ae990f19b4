"""Ends what is left of a Ray cluster on this machine when the process that made it is killed. A program of its own.

Most of Ray's processes end by themselves then, but its agents wait a minute for a server that is gone. All of them
write logs into the cluster's folder, by which they are known; that needs /proc, which Linux has.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_ROUNDS = 50  # in which processes are killed: one that is killed may have begun another one


@contextmanager
def ended_after_a_kill(folder: Path, lock: Path) -> Iterator[None]:
    """If this process is killed in the block, those that write to files in the folder are killed, and it is removed.

    lock: of which this process holds an exclusive `flock` as long as it lives.
    """
    if sys.platform != "linux":
        yield
        return
    words = [sys.executable, "-I", "-S", __file__, str(folder), str(lock)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)  # Ctrl-C does not reach it
    try:
        yield
    finally:
        process.kill()
        process.wait()


def main(folder: Path, lock: Path) -> None:
    with lock.open("rb") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)  # returns when its holder has ended
    for _ in range(MOST_ROUNDS):
        found = list(_writers(folder))
        if not found:
            break
        for number in found:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


def _writers(folder: Path) -> Iterator[int]:
    """The numbers of processes that have a file in the folder open to write to it."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            opened = [link for link in (place / "fd").iterdir() if link.lstat().st_mode & stat.S_IWUSR]
            if any(os.readlink(link).startswith(f"{folder}/") for link in opened):
                yield int(place.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))  # paths of files that are open have no links in them
