"""What `plan` says of parts that are computed at the same time: evaluations, batches, their floor, and time."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import cfgsweep
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.execution.executor import MEASURED_BY_EACH
from cfgsweep.execution.job import JobObserver
from cfgsweep.execution.local import LocalExecutor
from cfgsweep.execution.shipped_configs import find_config
from cfgsweep.models.device import choose
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.system.wording import duration
from tests.support.engine_runs import LastTally
from tests.support.run_state import run_of

SWEEP = "name: s\nmodel: digits\nlabel: [1, 2, 3, 4]\nseed: [1, 2]\nsteps: 6\nguider: cfg\nvalue: [1.5, 3]\n"


def planned(cli, *words: object) -> dict:
    return json.loads(cli("plan", *words, "--json").out)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("made"))


def test_rows_mislead_and_batches_are_time(cli, tmp_path: Path) -> None:
    """8 GPUs have a fifth of the rows of one each, but no picture takes fewer than 50 calls one after the other."""
    given = ("windows", "--out", tmp_path, "--gpus", 8, "--batch-size")
    found = planned(cli, *given, 8)["gpus"]
    assert (found["evaluations"], found["largest"], found["lost"]) == (630, 127, 248)
    assert (found["batches"], found["batches_in_one"], found["calls"]) == (50, 79, 50)
    assert planned(cli, *given, 32)["gpus"]["batches_in_one"] == 50
    timed = planned(cli, *given, 8, "--batch-seconds", 2)["gpus"]
    assert (timed["seconds"], timed["seconds_in_one"]) == (100, 158)
    said = cli("plan", *given, 8, "--batch-seconds", 2).out
    assert "in batches of 8 rows: about 50 each, 79 on one: 1.6 times as fast; never fewer than 50" in said
    assert "in time: about 2 min, 3 min on one, at 2.00 s a batch, as given\n" in said


@pytest.mark.parametrize("batch_size", [4, 16, 64])
def test_batches_are_about_those_of_a_run(cli, tmp_path: Path, batch_size: int) -> None:
    words = ("windows", "--out", tmp_path, "--gpus", 1, "--batch-size", batch_size, "--set", "steps=10")
    found = planned(cli, *words)
    sweep, _ = read_sweep(find_config("windows", "sweep"), ["model=emoji", "steps=10"])
    compute, tally = choose("cpu"), LastTally()
    list(Engine(load_model(Source.of("emoji"), compute), compute, batch_size).run(Plan(expand(sweep)), tally))
    assert tally.tally.evaluations == found["evaluations"]
    assert found["gpus"]["batches"] <= tally.tally.batches <= 1.5 * found["gpus"]["batches"]


@pytest.mark.parametrize("parts", ["--gpus", "--shards"])
def test_pictures_of_two_sizes_are_in_no_common_batch(cli, tmp_path: Path, parts: str) -> None:
    words = ("tnorm", "--out", tmp_path, parts, 2, "--batch-size", 4, "--set", "steps=5", "--set")
    of_one = planned(cli, *words, "size=64")[parts.strip("-")]
    of_both = planned(cli, *words, "size=[[64, 64], [32, 32]]")[parts.strip("-")]
    for number in ("evaluations", "batches_in_one", *(("batches", "largest") if parts == "--gpus" else ())):
        assert of_both[number] == 2 * of_one[number]


def test_a_batch_is_measured_by_a_run(cli, made: Path, tmp_path: Path) -> None:
    """Its rows and its time are those of the pictures that are there; what is missing takes as many times as long."""
    (entry,) = json.loads((made / "environment.json").read_text())["models"].values()
    ((size, seconds),) = entry["batch_seconds"].items()
    shutil.copytree(made, tmp_path / "r")
    grown = ("--out", tmp_path / "r", "--set", "value=[1.5,3,4,5,6,7]")
    found = planned(cli, made.parent / "sweep.yaml", *grown, "--gpus", 2)["gpus"]
    assert found["batch_sizes"] == [entry["batch_sizes"][size]]
    assert found["batches"] < found["batches_in_one"]
    assert found["seconds"] == pytest.approx(found["batches"] * seconds)
    assert found["seconds_in_one"] == pytest.approx(found["batches_in_one"] * seconds)
    said = cli("plan", made.parent / "sweep.yaml", *grown, "--gpus", 2).out
    assert f"as measured in {tmp_path / 'r'} on " in said
    given = planned(cli, made.parent / "sweep.yaml", *grown, "--gpus", 2, "--batch-size", 3, "--batch-seconds", 7)
    assert (given["gpus"]["batch_sizes"], given["gpus"]["seconds"]) == ([3], 7 * given["gpus"]["batches"])


@pytest.mark.parametrize("processes", [1, 4])
def test_batches_of_several_processes_take_each_of_them_longer(processes: int, tmp_path: Path, monkeypatch) -> None:
    """All together finish one every 2 s here; so each takes as many times as long for its own."""
    asked = []
    monkeypatch.setattr(LocalExecutor, "processes", processes)
    monkeypatch.setattr(JobObserver, "batch_seconds", lambda self, batches: asked.append(batches) or 2.0)
    environment = json.loads((run_of(SWEEP, tmp_path) / "environment.json").read_text())
    assert list(environment["models"]["digits"]["batch_seconds"].values()) == [2.0 * processes]
    assert asked == [1 if processes == 1 else MEASURED_BY_EACH * processes]


def test_a_shard_measures_for_the_others(cli, made: Path, tmp_path: Path) -> None:
    file, run = made.parent / "sweep.yaml", tmp_path / "r"
    given = (file, "--out", run, "--shards", 2)
    assert "no batch was measured yet" in cli("plan", *given).out
    before = planned(cli, *given)["shards"]["evaluations"]
    cfgsweep.run(file, out=run, shard="2/2", quiet=True)
    after = planned(cli, *given)["shards"]
    assert after["seconds"] == after["seconds_in_one"] > 0
    assert 0 < after["evaluations"] < before


def test_where_nothing_is_left_there_is_nothing_to_plan(cli, made: Path) -> None:
    assert "  on 2 GPUs: nothing is left to compute\n" in cli("plan", made, "--gpus", 2).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch-size", 8), "batch_size: has no effect without parts"),
        (("--batch-seconds", 1), "batch_seconds: has no effect without parts"),
        (("--gpus", 2, "--batch-seconds", 0), "batch_seconds: no time"),
        (("--gpus", 0), "gpus: no number of gpus"),
    ],
)
def test_what_is_no_batch_is_refused(cli, words: tuple, said: str) -> None:
    done = cli("plan", "windows", *words)
    assert (done.code, done.err.startswith(f"error: {said}")) == (2, True), done.err


def test_times_are_told_as_people_do() -> None:
    told = {8.4: "8 s", 99: "99 s", 101: "2 min", 5939: "99 min", 7500: "2 h 05 min", 360_000: "4 days 4 h"}
    assert {seconds: duration(seconds) for seconds in told} == told
    assert not re.search(r"h 60 min|days 24 h", " ".join(duration(seconds) for seconds in range(0, 500_000, 29)))
