"""Runs by actors of two kinds of device: two Ray hosts on this machine, one without vector instructions."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.execution.cluster.conftest import with_ray
from tests.support.commands import command, wait_for
from tests.support.other_kind import ENVIRONMENT, HERE, OTHER, VARIABLES, has_another_kind
from tests.support.ray_hosts import SLOW_START, environment, host
from tests.support.run_state import records_of

pytestmark = [pytest.mark.slow, with_ray, has_another_kind]

SWEEP = """\
name: m
model: emoji
prompt: a cat
seed: [1, 2, 3, 4]
steps: 8
guider: [cfg, cfg_zero]
value: [2, 4, 6]
"""
PHASE = """\
name: p
model: emoji
prompt: a cat
seed: [1, 2, 3]
steps: 4
guider: tnorm
search: value
phase: {low: 0.02, high: 0.4, scan: 7, tolerance: 0.05, distance: pixels}
"""
IMPATIENT = """
import sys
from cfgsweep.execution.cluster import mixed_schedule
mixed_schedule.LONGEST_ABSENCE = 1
from cfgsweep.__main__ import main
sys.argv[0] = "cfgsweep"
main()
"""
Pixels = dict[str, str]  # hashes, by the ids of pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "m.yaml").write_text(SWEEP)
    (folder / "p.yaml").write_text(PHASE)
    return folder


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Pixels]:
    """The pixels of one process, of every kind."""
    runs = {HERE: None, OTHER: ENVIRONMENT}
    for kind, variables in runs.items():
        words = command("run", folder / "m.yaml", "--out", folder / kind, "--quiet", "--no-page")
        subprocess.run(words, env=variables, check=True)
    found = {kind: {record["id"]: record["pixels_sha256"] for record in records_of(folder / kind)} for kind in runs}
    assert found[HERE] != found[OTHER], "the kinds do not differ in these pictures"
    return found


class Cluster:
    """A cluster of two hosts with a CPU each. The second one, of the other kind, can be killed."""

    def __init__(self, hosts: ExitStack):
        self.hosts, self.first = hosts, hosts.enter_context(host(cpus=1))
        self.start_other()

    def start_other(self) -> None:
        self.other = self.hosts.enter_context(host(cpus=1, join=self.first.address, variables=VARIABLES))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ExitStack() as hosts:
        yield Cluster(hosts)


def begun(
    folder: Path, cluster: Cluster, out: str, *words: str, name: str = "run", program: str | None = None
) -> subprocess.Popen[str]:
    options = ("--out", folder / out, "--cluster", cluster.first.address, "--workers", 2)
    given = [name, folder / ("p.yaml" if name == "phase" else "m.yaml"), *options, *words]
    started = [sys.executable, "-c", program, *map(str, given)] if program else command(*given)
    return subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    said, _ = process.communicate()
    assert process.returncode == code, said
    return " ".join(said.split())


def kinds(run: Path, alone: dict[str, Pixels]) -> dict[int, set[str]]:
    """The kinds of every seed's pictures, which have the pixels of one process of that kind."""
    found: dict[int, set[str]] = {}
    for record in records_of(run):
        if record["status"] == "done":
            assert record["pixels_sha256"] == alone[record["capability"]][record["id"]]
            found.setdefault(record["seed"], set()).add(record["capability"])
    return found


def begun_by_both(folder: Path, out: str) -> Path:
    """A folder with a picture of seed 1 that one kind has made, and one of seed 3 of the other kind."""
    (folder / out / "images").mkdir(parents=True)
    shutil.copy(folder / HERE / "environment.json", folder / out)
    with (folder / out / "experiments.jsonl").open("w") as file:
        for kind, seed in ((HERE, 1), (OTHER, 3)):
            record = next(one for one in records_of(folder / kind) if one["seed"] == seed)
            shutil.copy(folder / kind / record["image"], folder / out / record["image"])
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return folder / out


def searches_of(folder: Path, kind: str, variables: dict[str, str] | None) -> dict[int, dict]:
    """Those of one process of a kind, by seeds."""
    out = folder / f"search-{kind}"
    words = command("phase", folder / "p.yaml", "--out", out, "--quiet", "--no-page")
    subprocess.run(words, env=variables, check=True, stdout=subprocess.DEVNULL)
    return searches_in(out)


def searches_in(run: Path) -> dict[int, dict]:
    return {search["seed"]: search for search in json.loads((run / "phase.json").read_text())["searches"]}


def test_actors_of_one_kind_are_used_unless_mixed(folder: Path, alone: dict[str, Pixels], cluster: Cluster) -> None:
    ended(begun(folder, cluster, "one", "--no-page"))
    assert len(set.union(*kinds(folder / "one", alone).values())) == 1
    assert "kinds" not in json.loads((folder / "one/environment.json").read_text())


def test_every_root_is_of_one_kind_and_stays_so(folder: Path, alone: dict[str, Pixels], cluster: Cluster) -> None:
    """Also where an actor of each kind is killed, and where a picture of each root is made again.

    The folder is mixed from the first run on.
    """
    run = begun_by_both(folder, "both")
    process = begun(folder, cluster, "both", "--no-page", "--mixed")
    hosts = cluster.first, cluster.other
    wait_for(lambda: all(one.at_work() for one in hosts), process, SLOW_START)
    for one in hosts:
        os.kill(one.at_work()[0], signal.SIGKILL)
    said = ended(process)
    assert said.count(" is lost, and others do its work: ") == 2
    found = kinds(run, alone)
    assert sorted(map(len, found.values())) == [1, 1, 1, 1], said
    assert (found[1], found[3]) == ({HERE}, {OTHER})
    settled = json.loads((run / "environment.json").read_text())
    assert [kind["capability"] for kind in settled["kinds"]] == [HERE, OTHER]
    for record in {record["seed"]: record for record in records_of(run)}.values():
        (run / record["image"]).unlink()
    assert "4 pictures in" in ended(begun(folder, cluster, "both", "--no-page"))
    assert kinds(run, alone) == found


def test_a_search_by_several_kinds(folder: Path, cluster: Cluster) -> None:
    """That of each seed is the one of its kind alone, with what is computed of both sides of a transition."""
    alone = {HERE: searches_of(folder, HERE, None), OTHER: searches_of(folder, OTHER, ENVIRONMENT)}
    assert any(one["transitions"] for one in alone[HERE].values())
    said = ended(begun(folder, cluster, "search", "--no-page", "--mixed", name="phase"))
    found: dict[int, set[str]] = {}
    for record in records_of(folder / "search"):
        found.setdefault(record["seed"], set()).add(record["capability"])
    assert sorted(map(len, found.values())) == [1, 1, 1], said
    assert set.union(*found.values()) == {HERE, OTHER}
    for seed, search in searches_in(folder / "search").items():
        (kind,) = found[seed]
        assert search == alone[kind][seed]
        assert search != alone[OTHER if kind == HERE else HERE][seed], "the kinds do not differ"


def test_what_a_lost_kind_has_begun_waits_for_it(folder: Path, alone: dict[str, Pixels], cluster: Cluster) -> None:
    """It fails where that kind does not come, after the other kind did the rest; and the same command goes on."""
    run = begun_by_both(folder, "lost")
    cluster.other.kill()
    said = ended(begun(folder, cluster, "lost", "--no-page", "--mixed", program=IMPATIENT), 1)
    assert f"5 pictures wait for a worker on cpu with {OTHER}, which has made others of the same initial noise" in said
    assert f"no worker on cpu with {OTHER}, which has made others of the same initial noise, is left" in said
    assert kinds(run, alone) == {1: {HERE}, 2: {HERE}, 3: {OTHER}, 4: {HERE}}
    cluster.start_other()
    ended(begun(folder, cluster, "lost", "--no-page", "--mixed"))
    assert kinds(run, alone) == {1: {HERE}, 2: {HERE}, 3: {OTHER}, 4: {HERE}}
    assert [record["status"] for record in records_of(run)] == ["done"] * len(alone[HERE])
