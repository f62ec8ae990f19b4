"""Runs by actors: the bytes of one process, whatever is killed, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.execution.cluster.conftest import files_of, pictures_in, processes_in, with_ray
from tests.support.commands import started, wait_for
from tests.support.run_state import state_of

pytestmark = [pytest.mark.slow, with_ray]
SLOW_START = 600  # seconds: of a cluster on a machine that is busy with other tests


def first_pictures(alone: Path, out: Path, more_than: int = 0) -> subprocess.Popen:
    """Starts to compute the sweep by two actors; returns when there is another picture."""
    process = started("run", alone.parent / "sweep.yaml", "--out", out, "--workers", 2)
    wait_for(lambda: pictures_in(out) > more_than, process, SLOW_START)
    assert process.poll() is None, process.communicate()
    return process


def actors(temporary: Path) -> list[int]:
    """The processes that compute."""
    return [number for number, words in processes_in(temporary).items() if "ModelActor" in words]


def nothing_left(temporary: Path) -> bool:
    return not processes_in(temporary)


def test_the_same_command_goes_on_whatever_ends_it(alone: Path, tmp_path: Path, short_temporary: Path) -> None:
    """First Ctrl-C, then kill -9 of the driver, which nothing outlives by a minute. The next run loses an actor."""
    run = tmp_path / "r"
    process = first_pictures(alone, run)
    process.send_signal(signal.SIGINT)
    said = "".join(process.communicate())
    assert (process.returncode, "stopped; the same command goes on from here" in said) == (130, True), said
    assert nothing_left(short_temporary)
    assert not list(short_temporary.iterdir()), "files outside of the run folder"

    process = first_pictures(alone, run, more_than=pictures_in(run))
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while not nothing_left(short_temporary) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert nothing_left(short_temporary)
    assert not list(short_temporary.iterdir())
    assert pictures_in(run) < pictures_in(alone), "too quick to be interrupted"

    process = first_pictures(alone, run, more_than=pictures_in(run))
    os.kill(actors(short_temporary)[0], signal.SIGKILL)
    said = "".join(process.communicate())
    assert process.returncode == 0, said
    assert " is lost, and others do its work: " in said
    assert state_of(run) == state_of(alone)
    assert files_of(run) == files_of(alone)
    assert nothing_left(short_temporary)
    assert not list(short_temporary.iterdir())
