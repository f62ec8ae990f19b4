"""Command lines in processes of their own, which can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "cfgsweep", *map(str, words)]


def finish(*words: object) -> None:
    """Run it to its end, which is a good one."""
    subprocess.run(command(*words), check=True)


def started(*words: object, **options: Any) -> subprocess.Popen:
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def wait_for(there: Callable[[], object], process: subprocess.Popen) -> None:
    """Until it is there, or the process is at its end."""
    deadline = time.monotonic() + 120
    while not there() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def killed_when(there: Callable[[], object], *words: object) -> None:
    """Begin a command, and kill -9 it as soon as something is there."""
    process = started(*words)
    wait_for(there, process)
    process.kill()
    process.communicate()
