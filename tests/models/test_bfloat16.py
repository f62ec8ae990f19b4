"""Whether bfloat16 works on this CPU: trials that crash, hang, or crash with AMX alone, and what commands do then."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from cfgsweep.models import bfloat16, device
from tests.support.trainings import label_training, weights_of

CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
CRASH_WITH_AMX = "import os, signal; 'ONEDNN_MAX_CPU_ISA' in os.environ or os.kill(os.getpid(), signal.SIGILL)"
HANG = "import time; time.sleep(1000)"


@pytest.fixture
def trial(monkeypatch):
    """Replaces the trial in this process, where none has been made yet."""

    def replace(code: str) -> None:
        monkeypatch.setattr(bfloat16, "TRIAL", code)
        monkeypatch.setattr(bfloat16, "_works", None)
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)

    return replace


def fresh_process(code: str, *words: object) -> subprocess.CompletedProcess:
    """Runs code in an interpreter that has not imported torch; the trial crashes there unless AMX is switched off."""
    prepared = f"from cfgsweep.models import bfloat16\nbfloat16.TRIAL = {CRASH_WITH_AMX!r}\n{code}"
    return subprocess.run([sys.executable, "-c", prepared, *map(str, words)], capture_output=True, text=True)


def test_a_trial_that_ends_in_order(trial) -> None:
    trial("pass")
    assert bfloat16.survives({})
    assert bfloat16.bfloat16_works(pytest.fail)


def test_a_trial_that_crashes(trial) -> None:
    trial(CRASH)
    assert not bfloat16.survives({})
    notices: list[str] = []
    assert [bfloat16.bfloat16_works(notices.append) for _ in range(2)] == [False, False]
    assert len(notices) == 1
    assert "float32" in notices[0]


def test_a_trial_that_hangs(trial, monkeypatch) -> None:
    trial(HANG)
    monkeypatch.setattr(bfloat16, "TIME_LIMIT", 0.5)
    assert not bfloat16.survives({})


@pytest.mark.slow
def test_the_trial_itself_is_valid_code_that_fails_only_by_a_crash() -> None:
    done = subprocess.run([sys.executable, "-c", bfloat16.TRIAL], capture_output=True, text=True)
    assert done.returncode <= 0, done.stderr  # negative: ended by a signal


def test_amx_is_not_switched_off_once_torch_is_imported(trial) -> None:
    trial(CRASH_WITH_AMX)
    notices: list[str] = []
    assert not bfloat16.bfloat16_works(notices.append)
    assert "float32" in notices[0]


def test_amx_is_switched_off_where_that_helps() -> None:
    code = (
        "import os\n"
        "print(bfloat16.bfloat16_works(print), bfloat16.bfloat16_works(print))\n"
        "print(os.environ['ONEDNN_MAX_CPU_ISA'])"
    )
    notice, results, variable = fresh_process(code).stdout.splitlines()
    assert "without AMX" in notice
    assert results == "True True"
    assert variable == "AVX512_CORE_BF16"


@pytest.mark.parametrize(
    "chosen", [lambda: device.choose("cpu", "bfloat16").dtype, lambda: device.training_dtype("bfloat16")]
)
def test_every_choice_of_bfloat16_makes_the_trial(trial, chosen) -> None:
    trial("pass")
    assert chosen() == torch.bfloat16
    trial(CRASH)
    with pytest.warns(UserWarning, match="bfloat16 matrix products crash"):
        assert chosen() == torch.float32
    assert chosen() == torch.float32  # and without a second warning


@pytest.mark.slow
def test_a_training_goes_on_in_float32_and_says_so_once(cli, trial, tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(label_training()))
    trial(CRASH)
    done = cli("train", tmp_path / "train.yaml", "--set", "dtype=bfloat16", "--out", tmp_path / "a", "--quiet")
    assert done.code == 0
    assert done.err.count("bfloat16 matrix products crash on this CPU") == 1
    expected = cli("train", tmp_path / "train.yaml", "--set", "dtype=float32", "--out", tmp_path / "b", "--quiet")
    assert expected.code == 0
    assert "bfloat16" not in expected.err
    ours, theirs = (weights_of(tmp_path / out / "model") for out in ("a", "b"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.slow
def test_a_training_goes_on_without_amx_and_says_so_once(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text(yaml.safe_dump({**label_training(classifier=None), "dtype": "bfloat16"}))
    code = (
        "import sys\n"
        "from cfgsweep.cli import run_command\n"
        "code = run_command(['train', *sys.argv[1:]])\n"
        "from cfgsweep.models.device import training_dtype\n"
        "print(code, training_dtype('bfloat16'))"
    )
    done = fresh_process(code, tmp_path / "train.yaml", "--out", tmp_path / "out", "--quiet")
    assert done.stdout.splitlines()[-1] == "0 torch.bfloat16", done.stderr
    assert done.stderr.count("bfloat16 matrix products") == done.stderr.count("computing without AMX") == 1
    assert (tmp_path / "out/model/unet").is_dir()


def test_a_run_goes_on_in_float32_and_the_same_command_again(cli, trial, labelled: Path, tmp_path, sweep_file) -> None:
    trial(CRASH)
    path = sweep_file(f"name: x\nmodel: {labelled}\nlabel: 1\nsteps: 2\nguider: cfg\nvalue: 2\n")
    words = ("run", path, "--out", tmp_path / "r", "--device", "cpu", "--dtype", "bfloat16")
    done = cli(*words)
    assert done.code == 0
    assert done.err.count("bfloat16 matrix products crash on this CPU") == 1
    (record,) = map(json.loads, (tmp_path / "r/experiments.jsonl").read_text().splitlines())
    assert record["dtype"] == "float32"
    assert cli(*words).code == 0
