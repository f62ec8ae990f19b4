"""Runs cfgsweep commands for fixtures: in this process, or in their own, which can be killed."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cfgsweep.__main__ import main
from cfgsweep.cli import run_command

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "tests.support.imported"])


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "cfgsweep", *map(str, words)]


def finish(*words: object) -> None:
    """Runs a command; raises CalledProcessError where it fails."""
    subprocess.run(command(*words), check=True)


def finish_here(*words: object) -> None:
    """Runs a command in this process, which has imported already what takes most of a short command's time."""
    assert run_command([str(word) for word in words]) == 0


def started(*words: object, **options: Any) -> subprocess.Popen:
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


class Forked:
    """A command in a fork of a process that has imported all modules, which take most of a short command's time.

    It has those methods of Popen that are used.
    """

    def __init__(self, *words: object):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            self._said = Path(file.name)
        self._process = FORKS.Process(target=_run_forked, args=([str(word) for word in words], self._said))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def communicate(self) -> tuple[str, str]:
        """Waits for the end. Nothing, and the error output."""
        self._process.join()
        said = self._said.read_text()
        self._said.unlink()
        return "", said


def _run_forked(words: list[str], said: Path) -> None:
    with open(os.devnull, "w") as nowhere, said.open("w") as file:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["cfgsweep", *words]
    main()


def wait_for(there: Callable[[], object], process: subprocess.Popen | Forked, seconds: float = 120) -> None:
    """Waits until `there` is true or the process has ended, so many seconds at most."""
    deadline = time.monotonic() + seconds
    while not there() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def killed_when(there: Callable[[], object], *words: object) -> None:
    """Starts a command, and sends it SIGKILL as soon as `there` is true."""
    process = started(*words)
    wait_for(there, process)
    process.kill()
    process.communicate()
