"""Parts of a sweep that are computed apart and merged are the run of one process: pictures, records, grids."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cfgsweep
from cfgsweep.errors import UserError

SWEEP = """\
name: s
model: digits
label: [0, 3]
seed: [1, 2]
steps: 3
guider: [cfg, cfg_zero]
value: [1.5, 3]
metrics: [contrast, diversity]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The run in one process, `whole`, and its three shards, `run`, not merged."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / "s.yaml").write_text(SWEEP)
    cfgsweep.run(folder / "s.yaml", out=folder / "whole", quiet=True)
    for number in (1, 2, 3):
        cfgsweep.run(folder / "s.yaml", out=folder / "run", shard=f"{number}/3", quiet=True)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A folder with the three shards."""
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


def lines(folder: Path) -> list[str]:
    return (folder / "experiments.jsonl").read_text().splitlines()


def test_what_is_merged_is_the_run_of_one_process(made: Path, run: Path, cli) -> None:
    done = cli("merge", run)
    assert done.code == 0, done.err
    assert f"{run}: 16 of 16 pictures, 16 new\n" in done.out
    assert lines(run) == lines(made / "whole")
    for picture in (made / "whole/images").iterdir():
        assert (run / "images" / picture.name).read_bytes() == picture.read_bytes()
    assert (run / "grids/s.png").read_bytes() == (made / "whole/grids/s.png").read_bytes()
    assert (run / "sweep.yaml").read_bytes() == (made / "whole/sweep.yaml").read_bytes()
    assert len(list((run / "page/thumbs").iterdir())) == len(list((made / "whole/page/thumbs").iterdir()))
    assert cli("verify", run).code == 0


def test_each_picture_is_in_one_shard(made: Path) -> None:
    names = [path.stem for path in (made / "run").glob("shards/*/images/*.png")]
    assert sorted(names) == sorted(json.loads(line)["id"] for line in lines(made / "whole"))


def test_merging_again_changes_nothing(run: Path, cli) -> None:
    cfgsweep.merge(run, quiet=True)
    before = lines(run)
    assert f"{run}: 16 of 16 pictures, 0 new" in cli("merge", run).out
    assert lines(run) == before


def test_a_missing_shard_is_named_with_the_command_that_makes_it(made: Path, run: Path, cli) -> None:
    """The command is run, and merging again adds what it made."""
    shutil.rmtree(run / "shards/2-of-3")
    done = cli("merge", run)
    assert done.code == 1
    (line,) = (line for line in done.out.splitlines() if line.startswith("shard 2 of 3: not begun: cfgsweep "))
    words = line.removeprefix("shard 2 of 3: not begun: cfgsweep ").split()
    assert cli(*words).code == 0
    assert cli("merge", run).code == 0
    assert lines(run) == lines(made / "whole")


def test_a_shard_that_was_stopped_is_merged_as_far_as_it_is(made: Path, run: Path, cli) -> None:
    shutil.rmtree(run / "shards/3-of-3")
    assert cli("run", made / "s.yaml", "--out", run, "--shard", "3/3", "--limit", "1", "--quiet").code == 0
    done = cli("merge", run)
    assert done.code == 1
    assert "shard 3 of 3: " in done.out
    assert " missing: cfgsweep run " in done.out
    assert cli("run", made / "s.yaml", "--out", run, "--shard", "3/3", "--quiet").code == 0
    assert cli("merge", run).code == 0
    assert lines(run) == lines(made / "whole")


def test_damaged_pictures_are_not_merged(run: Path, cli) -> None:
    victim = next((run / "shards/1-of-3/images").glob("*.png"))
    victim.write_bytes(victim.read_bytes()[:-30])
    done = cli("merge", run)
    assert done.code == 1
    assert "shard 1 of 3: 1 missing: " in done.out
    assert not (run / "images" / victim.name).exists()


def test_shards_of_another_sweep_are_refused(run: Path, cli) -> None:
    text = (run / "shards/2-of-3/sweep.yaml").read_text()
    (run / "shards/2-of-3/sweep.yaml").write_text(text.replace("steps: 3", "steps: 4"))
    refused(cli("merge", run), "another sweep", run, "2-of-3")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"device_name": "NVIDIA H100"}, "another kind of device"),
        ({"capability": "AVX2 of old"}, "another kind of processor"),
        ({"dtype": "bfloat16"}, "another dtype"),
        ({"versions": {"torch": "1"}}, "another versions"),
        ({"models": {"digits": {"runs": "digits", "fingerprint": "0" * 64}}}, "another fingerprint of digits"),
        (
            {"models": {"digits": {"runs": "digits", "batch_sizes": {"16x16": 3}}}},
            "another batch size of digits at 16x16",
        ),
    ],
)
def test_shards_that_were_computed_otherwise_are_refused(run: Path, cli, changed, problem: str) -> None:
    file = run / "shards/3-of-3/environment.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
    refused(cli("merge", run), problem, run, "3-of-3")


def refused(done, problem: str, run: Path, shard: str) -> None:
    assert done.code == 2
    assert problem in done.err
    assert shard in done.err
    assert not (run / "experiments.jsonl").exists()


def test_shards_of_different_cuts_are_refused(made: Path, run: Path, cli) -> None:
    shutil.copytree(run / "shards/1-of-3", run / "shards/1-of-4")
    done = cli("merge", run)
    assert (done.code, "shards of different cuts" in done.err) == (2, True)


def test_a_folder_without_shards_is_refused(tmp_path: Path, cli) -> None:
    done = cli("merge", tmp_path)
    assert (done.code, "no shards to merge" in done.err) == (2, True)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/9999999"])
def test_what_is_no_shard_is_refused(text: str, made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no shard"):
        cfgsweep.run(made / "s.yaml", out=tmp_path / "out", shard=text)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_run_that_goes_on_on_another_kind_of_cpu_says_so(made: Path, tmp_path: Path) -> None:
    """PyTorch's code for CPUs without vector instructions, as ATEN_CPU_CAPABILITY chooses it."""
    out, default = tmp_path / "out", {"ATEN_CPU_CAPABILITY": "default"}
    first, second = (
        subprocess.run(
            [sys.executable, "-m", "cfgsweep", "run", made / "s.yaml", "--out", out, "--limit", "1"],
            env={**os.environ, **kind},
            capture_output=True,
            text=True,
            check=True,
        )
        for kind in ({}, default)
    )
    assert "this run was begun on" not in first.stderr + first.stdout
    assert "; here it is DEFAULT, and new pictures may differ" in second.stderr + second.stdout
