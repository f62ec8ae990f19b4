"""A loss of power at any moment of a run: no record names a picture that is not whole, and the command completes it.

The order of writes, fsyncs and renames of runs and searches with the bundled model `digits` is recorded, and every
state of the disk that it allows is replayed (`support/power_loss.py`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from cfgsweep.storage.png import hash_of_file
from cfgsweep.system import files
from tests.support.power_loss import PowerLosses, Tree, recorded, tree_of, write_tree
from tests.support.run_state import state_of

SWEEP = {"name": "s", "model": "digits", "label": [3, 7], "seed": 1, "steps": 2, "guider": "cfg"}
COMMANDS = {
    "run": {**SWEEP, "value": 2, "metrics": ["contrast"]},
    "phase": {**SWEEP, "label": 3, "search": "value", "phase": {"low": 0, "high": 8, "scan": 5, "tolerance": 7}},
}
RECORDS = "experiments.jsonl"

Command = Callable[[Path], None]


@pytest.fixture
def command(request, cli, sweep_file) -> Command:
    """A function that runs a small sweep, or a small search, in a folder."""
    file = sweep_file(yaml.safe_dump(COMMANDS[request.param]))

    def run(out: Path) -> None:
        told = cli(request.param, file, "--out", out, "--quiet", "--device", "cpu")
        assert told.code == 0, told.err

    return run


def whole_records(run: Path) -> Iterator[dict]:
    """The records in a file of which any line may be cut short."""
    text = (run / RECORDS).read_text(errors="replace") if (run / RECORDS).exists() else ""
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def result_of(run: Path) -> tuple:
    report = run / "phase.json"
    return (*state_of(run), report.read_text() if report.exists() else None)


def untrue_records(run: Path) -> list[str]:
    """Ids in records that name a picture that is not whole."""
    return [one["id"] for one in whole_records(run) if hash_of_file(run / one["image"]) != one["pixels_sha256"]]


def problems_of(losses: PowerLosses, command: Command, whole: Path, place: Path) -> list[str]:
    """What is wrong after a loss of power, with its moment. In each state of the disk the command is repeated."""
    problems, expected = [], result_of(whole)
    for event, tree in losses.trees:
        run = write_tree(tree, place) / "run"
        problems += [f"{event}: the picture of {name} is not whole" for name in untrue_records(run)]
        command(run)
        if result_of(run) != expected:
            problems.append(f"{event}: the same command does not complete to the same")
        if list(run.rglob("*.tmp")):
            problems.append(f"{event}: a temporary file is left")
        shutil.rmtree(place)
    return problems


def recorded_run(command: Command, disk: Path, monkeypatch, begin: Tree) -> PowerLosses:
    """The command in the folder `run` on an empty disk, or on one where it was begun."""
    with recorded(write_tree(begin, disk), monkeypatch) as losses:
        command(disk / "run")
    at_the_end = {path: content for path, content in tree_of(disk).items() if not path.startswith("run/.lock")}
    assert losses.surely.items() >= at_the_end.items(), "not all is on disk at the end"
    return losses


def half_done(losses: PowerLosses) -> Tree:
    """A disk with one whole record, one that is cut short, and a picture that was being written."""
    for _, tree in losses.trees:
        lines = (tree.get(f"run/{RECORDS}") or b"").split(b"\n")
        if len(lines) == 2 and lines[1]:
            return {**tree, "run/images/.0123456789abcdef.png.89abcdef.tmp": b"\x89PNG"}
    raise AssertionError("no record was cut short")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run"], indirect=True)
def test_a_run_completes(command: Command, tmp_path: Path, monkeypatch) -> None:
    """After a loss of power in a new folder, and in the command that continues."""
    command(tmp_path / "whole")
    first = recorded_run(command, tmp_path / "first", monkeypatch, {})
    resumed = recorded_run(command, tmp_path / "resumed", monkeypatch, half_done(first))
    for losses in (first, resumed):
        assert len(losses.trees) > 30
        assert problems_of(losses, command, tmp_path / "whole", tmp_path / "replayed") == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["phase"], indirect=True)
def test_a_search_completes(command: Command, tmp_path: Path, monkeypatch) -> None:
    """Its report and the last picture are missing: before that, what it writes is what a run writes."""
    command(tmp_path / "whole")
    tree = {f"run/{path}": content for path, content in tree_of(tmp_path / "whole").items() if "phase" not in path}
    *lines, last = (tree[f"run/{RECORDS}"] or b"").splitlines(keepends=True)
    tree[f"run/{RECORDS}"] = b"".join(lines)
    tree.pop(f"run/{json.loads(last)['image']}")
    losses = recorded_run(command, tmp_path / "disk", monkeypatch, tree)
    assert any("phase.json" in event for event, _ in losses.trees)
    assert problems_of(losses, command, tmp_path / "whole", tmp_path / "replayed") == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run"], indirect=True)
@pytest.mark.parametrize("spared", ["sync_file", "sync_folder"])
def test_each_sync_is_needed(command: Command, tmp_path: Path, monkeypatch, spared: str) -> None:
    """The replay sees what is spared."""
    with monkeypatch.context() as patched, recorded(write_tree({}, tmp_path / "disk"), patched) as losses:
        patched.setattr(files, spared, lambda *_: None)
        command(tmp_path / "disk/run")
    replayed = (write_tree(tree, tmp_path / str(number)) for number, (_, tree) in enumerate(losses.trees))
    assert any(untrue_records(place / "run") for place in replayed)
