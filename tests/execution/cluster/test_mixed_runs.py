"""Runs by actors of two kinds of device: two Ray nodes of this machine, one without vector instructions."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.cluster.conftest import with_ray
from tests.support.commands import command
from tests.support.other_kind import ENVIRONMENT, HERE, OTHER, has_another_kind
from tests.support.run_state import records_of

pytestmark = [pytest.mark.slow, with_ray, has_another_kind]

SWEEP = """\
name: m
model: emoji
prompt: a cat
seed: [1, 2, 3, 4]
steps: 3
guider: [cfg, cfg_zero]
value: [2, 4, 6]
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
    return folder


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Pixels]:
    """The pixels of one process, of every kind."""
    runs = {HERE: None, OTHER: ENVIRONMENT}
    for kind, environment in runs.items():
        words = command("run", folder / "m.yaml", "--out", folder / kind, "--quiet", "--no-page")
        subprocess.run(words, env=environment, check=True)
    found = {kind: {record["id"]: record["pixels_sha256"] for record in records_of(folder / kind)} for kind in runs}
    assert found[HERE] != found[OTHER], "the kinds do not differ in these pictures"
    return found


class Cluster:
    """A cluster of two nodes with a CPU each. The second one, of the other kind, can be killed."""

    def __init__(self, address: str):
        self.address = address
        self.start_other()

    def start_other(self) -> None:
        words = [sys.executable, "-m", "ray.scripts.scripts", "start", "--address", self.address, "--num-cpus", "1"]
        words += ["--object-store-memory", str(2**27), "--block", "--disable-usage-stats"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.other = subprocess.Popen(words, env=ENVIRONMENT, start_new_session=True, **quiet)  # type: ignore[call-overload]

    def kill_other(self) -> None:
        """All processes of the node."""
        for place in Path("/proc").glob("[0-9]*"):
            try:
                environment = (place / "environ").read_bytes()
            except OSError:  # it has ended, or is somebody else's
                continue
            if b"ATEN_CPU_CAPABILITY=default" in environment and os.environ["RAY_AUTH_TOKEN"].encode() in environment:
                os.kill(int(place.name), signal.SIGKILL)
        self.other.wait()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as temporary, pytest.MonkeyPatch.context() as patched:
        for name, value in {"AUTH_MODE": "token", "AUTH_TOKEN": os.urandom(32).hex(), "worker_niceness": "0"}.items():
            patched.setenv(f"RAY_{name}", value)
        patched.setitem(ENVIRONMENT, "RAY_AUTH_MODE", "token")
        patched.setitem(ENVIRONMENT, "RAY_AUTH_TOKEN", os.environ["RAY_AUTH_TOKEN"])
        patched.setitem(ENVIRONMENT, "RAY_worker_niceness", "0")
        words = [sys.executable, "-m", "tests.support.ray_cluster", "1", f"{temporary}/c"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            found = Cluster(process.stdout.readline().strip())
            yield found
            found.kill_other()
            process.stdin.close()


def begun(folder: Path, cluster: Cluster, out: str, *words: str, program: str | None = None) -> subprocess.Popen[str]:
    given = ["run", folder / "m.yaml", "--out", folder / out, "--cluster", cluster.address, "--workers", 2, *words]
    started = [sys.executable, "-c", program, *map(str, given)] if program else command(*given)
    return subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


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


def test_actors_of_one_kind_are_used_unless_mixed(folder: Path, alone: dict[str, Pixels], cluster: Cluster) -> None:
    ended(begun(folder, cluster, "one", "--no-page"))
    assert len(set.union(*kinds(folder / "one", alone).values())) == 1
    assert "kinds" not in json.loads((folder / "one/environment.json").read_text())


def test_every_root_is_of_one_kind_and_stays_so(folder: Path, alone: dict[str, Pixels], cluster: Cluster) -> None:
    """Also where a picture of each is made again: the folder is mixed from the first run on."""
    run = begun_by_both(folder, "both")
    said = ended(begun(folder, cluster, "both", "--no-page", "--mixed"))
    found = kinds(run, alone)
    assert sorted(map(len, found.values())) == [1, 1, 1, 1], said
    assert (found[1], found[3]) == ({HERE}, {OTHER})
    environment = json.loads((run / "environment.json").read_text())
    assert [kind["capability"] for kind in environment["kinds"]] == [HERE, OTHER]
    for record in {record["seed"]: record for record in records_of(run)}.values():
        (run / record["image"]).unlink()
    assert "4 pictures in" in ended(begun(folder, cluster, "both", "--no-page"))
    assert kinds(run, alone) == found


def test_what_a_lost_kind_has_begun_waits_for_it(folder: Path, alone: dict[str, Pixels], cluster: Cluster) -> None:
    """It fails where that kind does not come, after the other kind did the rest; and the same command goes on."""
    run = begun_by_both(folder, "lost")
    cluster.kill_other()
    said = ended(begun(folder, cluster, "lost", "--no-page", "--mixed", program=IMPATIENT), 1)
    assert f"5 pictures wait for a worker on cpu with {OTHER}, which has made others of the same initial noise" in said
    assert f"no worker on cpu with {OTHER}, which has made others of the same initial noise, is left" in said
    assert kinds(run, alone) == {1: {HERE}, 2: {HERE}, 3: {OTHER}, 4: {HERE}}
    cluster.start_other()
    ended(begun(folder, cluster, "lost", "--no-page", "--mixed"))
    assert kinds(run, alone) == {1: {HERE}, 2: {HERE}, 3: {OTHER}, 4: {HERE}}
    assert [record["status"] for record in records_of(run)] == ["done"] * len(alone[HERE])
