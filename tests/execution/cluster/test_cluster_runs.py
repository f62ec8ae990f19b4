"""Runs by actors: the bytes of one process, whatever is killed, and nothing left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.execution.cluster.conftest import cluster_of, processes_in, with_ray
from tests.support.commands import started, wait_for
from tests.support.run_state import state_of

pytestmark = [pytest.mark.slow, with_ray]
SLOW_START = 600  # seconds: of a cluster on a machine that is busy with other tests


def files_of(run: Path) -> dict[str, bytes]:
    """The records, in their order, and the files of pictures and grids."""
    drawn = [*(run / "images").glob("*.png"), *(run / "grids").glob("*.png"), run / "experiments.jsonl"]
    return {path.name: path.read_bytes() for path in drawn}


def pictures_in(run: Path) -> int:
    return len(list(run.glob("images/*.png")))


def run_by_actors(alone: Path, out: Path, *words: object, during: Callable[..., None] = lambda process: None) -> str:
    """Computes the sweep by two actors; what was said. during: is called when there is a first picture."""
    process = started("run", alone.parent / "sweep.yaml", "--out", out, "--workers", 2, *words)
    wait_for(lambda: pictures_in(out), process, SLOW_START)
    assert process.poll() is None, process.communicate()
    during(process)
    said = "".join(process.communicate())
    assert process.returncode == 0, said
    return said


def actors(temporary: Path) -> list[int]:
    """The processes that compute."""
    return [number for number, words in processes_in(temporary).items() if "ModelActor" in words]


def nothing_left(temporary: Path) -> bool:
    return not processes_in(temporary)


def test_two_actors_write_what_one_process_writes(alone: Path, tmp_path: Path, short_temporary: Path) -> None:
    """An actor is killed at the first picture; another one comes in its place."""

    def kill_one(process: object) -> None:
        os.kill(actors(short_temporary)[0], signal.SIGKILL)

    said = run_by_actors(alone, tmp_path / "r", during=kill_one)
    assert files_of(tmp_path / "r") == files_of(alone)
    assert " is lost, and others do its work: " in said
    assert not list(short_temporary.iterdir()), "files outside of the run folder"
    assert nothing_left(short_temporary)


def test_an_interrupt_ends_actors_and_the_same_command_goes_on(
    alone: Path, tmp_path: Path, short_temporary: Path
) -> None:
    """First Ctrl-C, then kill -9 of the driver: Ray ends by itself, and its files go with the next run."""
    process = started("run", alone.parent / "sweep.yaml", "--out", tmp_path / "r", "--workers", 2)
    wait_for(lambda: pictures_in(tmp_path / "r"), process, SLOW_START)
    process.send_signal(signal.SIGINT)
    said = "".join(process.communicate())
    assert (process.returncode, "stopped; the same command goes on from here" in said) == (130, True), said
    assert nothing_left(short_temporary)
    assert not list(short_temporary.iterdir())
    before = pictures_in(tmp_path / "r")
    assert before < pictures_in(alone), "too quick to be interrupted"

    process = started("run", alone.parent / "sweep.yaml", "--out", tmp_path / "r", "--workers", 2)
    wait_for(lambda: pictures_in(tmp_path / "r") > before, process, SLOW_START)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 90
    while not nothing_left(short_temporary) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert nothing_left(short_temporary)
    run_by_actors(alone, tmp_path / "r")
    assert state_of(tmp_path / "r") == state_of(alone)
    assert not list(short_temporary.iterdir())


@pytest.fixture
def cluster_of_two(short_temporary: Path) -> Iterator[str]:
    with cluster_of(2, short_temporary / "c") as address:
        yield address


def test_an_actor_that_is_never_placed_holds_nothing(alone: Path, tmp_path: Path, cluster_of_two: str) -> None:
    """Three workers on two CPUs, of a cluster that is there already and stays."""
    words = ("run", alone.parent / "sweep.yaml", "--out", tmp_path / "r", "--cluster", cluster_of_two, "--workers", 3)
    process = started(*words)
    said = "".join(process.communicate())
    assert process.returncode == 0, said
    assert files_of(tmp_path / "r") == files_of(alone)
