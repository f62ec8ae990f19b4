"""Runs cfgsweep commands in their own processes, which can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "cfgsweep", *map(str, words)]


def finish(*words: object) -> None:
    """Runs a command; raises CalledProcessError where it fails."""
    subprocess.run(command(*words), check=True)


def started(*words: object, **options: Any) -> subprocess.Popen:
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def wait_for(there: Callable[[], object], process: subprocess.Popen) -> None:
    """Waits until `there` is true or the process has ended, two minutes at most."""
    deadline = time.monotonic() + 120
    while not there() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def killed_when(there: Callable[[], object], *words: object) -> None:
    """Starts a command, and sends it SIGKILL as soon as `there` is true."""
    process = started(*words)
    wait_for(there, process)
    process.kill()
    process.communicate()
