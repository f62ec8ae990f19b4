"""`phase`, `measure` and `merge` by actors: the bytes of one process."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.execution.cluster.conftest import with_ray
from tests.support.commands import finish_here, wait_for
from tests.support.ray_hosts import SLOW_START, Host, host

pytestmark = [pytest.mark.slow, with_ray]

PHASE = """\
name: p
model: digits
label: [3, 8]
seed: [1, 2]
steps: 8
guider: cfg
search: value
phase: {low: 0, high: 6, scan: 7, tolerance: 0.4, distance: latents}
"""

RUN = """\
name: m
model: digits
label: [3, 8]
seed: {range: [1, 9, 1]}
steps: 4
guider: cfg
value: [1.5, 3]
fork: [none, {at: 0.5, amount: 0.5}]
"""

OWN = """\
from cfgsweep.metrics.base import MetricSettings, PictureMetric


class Bright(PictureMetric):
    class Settings(MetricSettings):
        level: int = 200

    def measure(self, image, condition):
        return sum(image.convert("L").histogram()[self.settings.level :])
"""
METRICS = (
    "adherence,{diversity: {features: classifier}},fid,{kid: {features: pixels}},kept,{'OWN:Bright': {level: 100}}"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Host]:
    """A cluster with two CPUs."""
    with host(cpus=2) as found:
        yield found


def files_of(run: Path) -> dict[str, bytes]:
    """All files but environment.json, which has the command."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name not in ("environment.json", ".lock"))
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_a_search_by_actors(cluster: Host, tmp_path: Path) -> None:
    """It is interrupted, goes on with the same command, and loses an actor."""
    (tmp_path / "p.yaml").write_text(PHASE)
    alone, out = tmp_path / "alone", tmp_path / "out"
    finish_here("phase", tmp_path / "p.yaml", "--out", alone, "--device", "cpu", "--quiet")
    words = ("phase", tmp_path / "p.yaml", "--out", out, "--workers", 2)

    def pictures() -> int:
        return len(list(out.glob("images/*.png")))

    process = cluster.start(*words)
    wait_for(pictures, process, SLOW_START)
    process.send_signal(signal.SIGINT)
    said = "".join(process.communicate())
    assert (process.returncode, "stopped; the same command goes on from here" in said) == (130, True), said
    before = pictures()
    assert before < len(list(alone.glob("images/*.png"))), "too quick to be interrupted"

    process = cluster.start(*words)
    wait_for(lambda: pictures() > before, process, SLOW_START)
    os.kill(cluster.actors()[0], signal.SIGKILL)
    said = "".join(process.communicate())
    assert process.returncode == 0, said
    assert " is lost, and others do its work: " in said
    assert files_of(out) == files_of(alone)


def test_metrics_by_actors(cluster: Host, tmp_path: Path) -> None:
    """Of pictures, of pairs, of groups and of cells, also of a user's file."""
    (tmp_path / "m.yaml").write_text(RUN)
    (tmp_path / "own.py").write_text(OWN)
    alone, out, reference = tmp_path / "alone", tmp_path / "out", tmp_path / "reference"
    finish_here("run", tmp_path / "m.yaml", "--out", alone, "--device", "cpu", "--quiet", "--no-page")
    shutil.copytree(alone, out)
    shutil.copytree(alone / "images", reference)
    metrics = METRICS.replace("OWN", str(tmp_path / "own.py"))
    words = ("--metrics", metrics, "--reference", reference, "--allow-code")
    finish_here("measure", alone, *words, "--device", "cpu")

    process = cluster.start("measure", out, *words, "--workers", 2)
    said = "".join(process.communicate())
    assert process.returncode == 0, said
    assert "72 records changed" in said
    assert files_of(out) == files_of(alone)


def test_shards_are_measured_by_actors(cluster: Host, tmp_path: Path) -> None:
    alone, out, reference = tmp_path / "alone", tmp_path / "out", tmp_path / "reference"
    reference.mkdir()
    for shade in range(40):
        Image.new("RGB", (28, 28), (shade, shade, shade)).save(reference / f"{shade}.png")
    (tmp_path / "m.yaml").write_text(RUN + f"metrics: [{{fid: {{reference: {reference}, features: pixels}}}}]\n")
    finish_here("run", tmp_path / "m.yaml", "--out", alone, "--shard", "1/1", "--device", "cpu", "--quiet")
    shutil.copytree(alone, out)
    finish_here("merge", alone, "--device", "cpu")
    process = cluster.start("merge", out, "--workers", 2)
    wait_for(lambda: cluster.at_work("measure"), process, SLOW_START)
    assert process.poll() is None, "measured by no actor"
    said = "".join(process.communicate())
    assert process.returncode == 0, said
    assert files_of(out) == files_of(alone)
