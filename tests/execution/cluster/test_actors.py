"""Actors that are killed again and again, and a full disk: on a cluster that is there already, and stays.

CFGSWEEP_TEST_KILLS=40 kills two hundred times, CFGSWEEP_TEST_SEED=7 at other moments; -s shows how long that took.
"""

from __future__ import annotations

import os
import random
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.execution.cluster.conftest import files_of, pictures_in, with_ray
from tests.support.commands import finish_here, wait_for
from tests.support.mounts import needs_mounts, unshared
from tests.support.ray_hosts import SLOW_START, Host, environment, host

pytestmark = [pytest.mark.slow, with_ray]
KILLS = 5 * int(os.environ.get("CFGSWEEP_TEST_KILLS", "4"))
SEED = int(os.environ.get("CFGSWEEP_TEST_SEED", "0"))
SWEEP = """\
name: k
model: digits
label: [0, 1]
seed: {range: [1, KILLS, 1]}
steps: 4
guider: cfg
value: [1.5, 3]
"""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Host]:
    """A cluster with two CPUs."""
    with host(cpus=2) as found:
        yield found


IN_A_DISK_THAT_GROWS = """
mount -t tmpfs -o size=64k tmpfs {at}
{command}
full=$?
ls {at}/images | wc -l
mount -o remount,size=16m {at}
{command} && cp -a {at}/. {kept}/ && exit $full
"""


@needs_mounts
def test_a_full_disk_of_the_driver(cluster: Host, alone: Path, tmp_path: Path) -> None:
    """Where there is room again, the same command goes on."""
    at, run = tmp_path / "disk", tmp_path / "r"
    at.mkdir()
    run.mkdir()
    words = cluster.command("run", alone.parent / "sweep.yaml", "--out", at, "--workers", 2, "--quiet")
    script = IN_A_DISK_THAT_GROWS.format(command=shlex.join(words), at=at, kept=run)
    done = unshared(script, environment())
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr
    assert "the same command goes on" in done.stderr
    assert "Traceback" not in done.stderr
    assert 0 < int(done.stdout.split()[0]) < pictures_in(alone)
    assert files_of(run) == files_of(alone)


def test_actors_are_killed_at_random_moments(cluster: Host, tmp_path: Path) -> None:
    """Of three actors, for two of which there is room: the one that is not placed holds nothing."""
    file, whole, run, rng, killed = tmp_path / "k.yaml", tmp_path / "whole", tmp_path / "r", random.Random(SEED), 0
    file.write_text(SWEEP.replace("KILLS", str(KILLS)))
    words = ("run", file, "--batch-size", 2, "--quiet")
    finish_here(*words, "--out", whole)
    process = cluster.start(*words, "--out", run, "--workers", 3)
    wait_for(lambda: pictures_in(run), process, SLOW_START)
    began = time.monotonic()
    while killed < KILLS and process.poll() is None:
        before = pictures_in(run)  # a picture between two kills, so that none is taken for one that kills
        wait_for(lambda before=before: pictures_in(run) > before, process, SLOW_START)
        time.sleep(rng.choice([0, 0.02, 0.2]) * rng.random())
        if there := cluster.at_work():
            with suppress(ProcessLookupError):
                os.kill(rng.choice(there), signal.SIGKILL)
                killed += 1
    print(f"{killed} kills in {time.monotonic() - began:.0f} s, {pictures_in(run)} pictures")
    _, said = process.communicate()
    assert (process.returncode, killed) == (0, KILLS), said
    assert files_of(run) == files_of(whole)
    print(f"{len(files_of(whole))} files equal")
