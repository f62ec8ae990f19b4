"""kill -9 at random moments of runs, merges, searches and trainings: the result equals that of an undisturbed command.

CFGSWEEP_TEST_KILLS=50 kills each fifty times, CFGSWEEP_TEST_SEED=7 at other moments; -s shows what was compared.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from tests.support.commands import Forked, finish, finish_here, started, wait_for
from tests.support.run_state import state_of
from tests.support.trainings import label_training, weights_of

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("CFGSWEEP_TEST_KILLS", "4"))
SEED = int(os.environ.get("CFGSWEEP_TEST_SEED", "0"))


def kill_it_often(words: tuple[object, ...], progress: Callable[[], object], rng: random.Random) -> None:
    """Start a command again and again, and kill it at random moments, mostly soon after it has written something.

    Each fifth is killed at any moment, which may be before all modules are imported; the others have imported them.
    """
    in_the_middle = []
    print(f"{words[0]}, seed {SEED}")
    for number in range(KILLS):
        at_any_moment, before = number % 5 == 4, progress()
        process = started(*words) if at_any_moment else Forked(*words)
        if at_any_moment:
            time.sleep(4 * rng.random())
        else:
            wait_for(lambda before=before: progress() != before, process)
            time.sleep(rng.choice([0.01, 0.1, 0.5]) * rng.random())
            in_the_middle.append(process.poll() is None and progress() != before)
        process.kill()
        _, said = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), said
    print(f"{KILLS} kills; right after progress: {sum(in_the_middle)} of {len(in_the_middle)}")
    assert sum(in_the_middle) > len(in_the_middle) / 2, "too few kills were in the middle of the work"


def pictures_in(run: Path) -> Callable[[], int]:
    return lambda: len(list(run.glob("images/*.png")))


def test_run(labelled: Path, tmp_path: Path, sweep_file) -> None:
    seeds = {"range": [1, 6 * KILLS, 1]}
    sweep = {"name": "k", "model": str(labelled), "label": [0, 1, 2, 3], "seed": seeds, "steps": 40, "guider": "cfg"}
    words = (
        "run",
        sweep_file(yaml.safe_dump({**sweep, "value": [1, 3], "metrics": ["contrast", "diversity"]})),
        "--quiet",
    )
    run, whole = tmp_path / "killed", tmp_path / "whole"
    kill_it_often((*words, "--out", run), pictures_in(run), random.Random(f"run {SEED}"))
    for out in (run, whole):
        finish_here(*words, "--out", out)
    assert state_of(run) == state_of(whole)
    print(f"{len(state_of(run)[1])} pictures equal")
    assert not list(run.rglob("*.tmp"))


def test_merge(labelled: Path, tmp_path: Path, sweep_file) -> None:
    """The shards stay as they are, so that they are merged once more into another folder."""
    sweep = {"name": "k", "model": str(labelled), "label": [0, 1, 2, 3], "steps": 2, "guider": "cfg", "value": [1, 3]}
    file = sweep_file(yaml.safe_dump({**sweep, "seed": {"range": [1, 12 * KILLS, 1]}, "metrics": ["diversity"]}))
    run, whole = tmp_path / "killed", tmp_path / "whole"
    for number in (1, 2, 3):
        finish_here("run", file, "--quiet", "--out", run, "--shard", f"{number}/3")
    shutil.copytree(run, whole)
    kill_it_often(("merge", run, "--quiet"), pictures_in(run), random.Random(f"merge {SEED}"))
    for out in (run, whole):
        finish_here("merge", out, "--quiet")
    assert state_of(run) == state_of(whole)
    files = [path.relative_to(whole) for path in whole.rglob("*") if path.is_file()]
    different = [str(file) for file in files if (run / file).read_bytes() != (whole / file).read_bytes()]
    print(f"{len(files)} files equal")
    assert not different
    assert not list(run.rglob("*.tmp"))


def test_phase(labelled: Path, tmp_path: Path, sweep_file) -> None:
    sweep = {"name": "k", "model": str(labelled), "label": [0, 1, 2, 3], "seed": [1, 2], "steps": 30, "guider": "cfg"}
    search = {"search": "value", "phase": {"low": 0, "high": 12, "scan": 4 * KILLS + 9, "tolerance": 0.02}}
    words = ("phase", sweep_file(yaml.safe_dump({**sweep, **search})), "--quiet")
    run, whole = tmp_path / "killed", tmp_path / "whole"
    kill_it_often((*words, "--out", run), pictures_in(run), random.Random(f"phase {SEED}"))
    for out in (run, whole):
        finish_here(*words, "--out", out)
    assert state_of(run) == state_of(whole)
    assert (run / "phase.json").read_text() == (whole / "phase.json").read_text()
    print(f"{len(state_of(run)[1])} pictures and phase.json equal")


def test_train(tmp_path: Path) -> None:
    recipe = {"steps": 60 * KILLS, "batch": 8, "learning_rate": 0.002, "checkpoint_every": 3, "sample_every": 1000}
    shape = {"channels": [8, 16], "recipe": recipe}
    config = label_training(denoiser={**shape, "groups": 4}, classifier={**shape, "layers_per_block": 1})
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(config))
    words = ("train", tmp_path / "train.yaml", "--quiet")
    killed, whole = tmp_path / "killed", tmp_path / "whole"

    def checkpoints() -> list[int]:
        return [path.stat().st_mtime_ns for path in killed.glob("*/checkpoint.pt")]

    kill_it_often((*words, "--out", killed), checkpoints, random.Random(f"train {SEED}"))
    for out in (killed, whole):
        finish(*words, "--out", out)
    ours, theirs = weights_of(killed / "model"), weights_of(whole / "model")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    print(f"{len(ours)} tensors equal")
