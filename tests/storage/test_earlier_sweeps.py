"""A folder knows every sweep that ran in it: `grid`, `verify` and `open` speak of all its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

import cfgsweep

SWEEP = "name: s\nmodel: digits\nlabel: 3\nsteps: 1\nguider: [cfg, tnorm]\nvalue: [0.1, 0.2]\nseed: [1, 2]\n"


@pytest.fixture
def narrowed(cli, sweep_file, tmp_path: Path) -> Path:
    """A run of eight pictures, and then of one of its values."""
    path = sweep_file(SWEEP)
    for further in ((), ("--set", "value=0.2")):
        assert cli("run", path, "--out", tmp_path / "r", "--quiet", *further).code == 0
    return tmp_path / "r"


def test_a_narrower_run_hides_no_pictures(cli, narrowed: Path) -> None:
    assert cli("verify", narrowed).out == "8 of 8 pictures are there and whole, and nothing is amiss\n"
    run = cfgsweep.open_run(narrowed)
    assert [(e.guider.name, e.value, e.seed) for e in run.experiments] == [
        (guider, value, seed) for seed in (1, 2) for guider in ("cfg", "tnorm") for value in (0.1, 0.2)
    ]
    assert len(run) == len(run.to_pandas()) == 8


def test_every_sweep_is_kept_once(cli, narrowed: Path, sweep_file) -> None:
    path = sweep_file(SWEEP)
    for further in ((), ("--set", "value=0.2"), ()):
        assert cli("run", path, "--out", narrowed, "--quiet", *further).code == 0
    (kept,) = narrowed.glob("sweep-*.yaml")
    assert "value: 0.2" in kept.read_text()


def test_of_earlier_sweeps_only_pictures_that_were_tried_count(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(SWEEP)
    assert cli("run", path, "--out", tmp_path / "r", "--quiet", "--limit", 3).code == 0
    assert cli("run", path, "--out", tmp_path / "r", "--quiet", "--set", "seed=2", "--limit", 1).code == 0
    assert cli("verify", tmp_path / "r").out.startswith("4 of 7 pictures are there and whole")


def test_pictures_of_no_known_sweep_are_counted(cli, narrowed: Path) -> None:
    (narrowed / "sweep-1.yaml").unlink()
    told = "4 of 4 pictures are there and whole; 4 more are of no sweep in this folder, and nothing is amiss\n"
    assert cli("verify", narrowed).out == told
    (narrowed / "sweep-1.yaml").write_text("name: [")  # damaged: the last one is enough to read the folder
    found = cli("verify", narrowed)
    assert (found.code, "sweep-1.yaml: no sweep that can be read: not valid YAML" in found.out) == (1, True)
    assert "4 more are of no sweep in this folder" in found.out
    assert cli("grid", narrowed).code == 0


def test_a_large_range_stays_a_range(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(SWEEP.replace("[0.1, 0.2]", "{range: [0.001, 1, 0.001]}"))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet", "--limit", 1).code == 0
    assert len((tmp_path / "r/sweep.yaml").read_text()) < 400
    assert len(cfgsweep.open_run(tmp_path / "r").experiments) == 4000


def test_a_run_folder_is_gone_on_with(cli, sweep_file, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    assert cli("run", sweep_file(SWEEP), "--out", folder, "--quiet", "--limit", 3).code == 0
    assert "to do                  5" in cli("plan", folder).out
    assert cli("run", folder).code == 0
    assert cli("verify", folder).out == "8 of 8 pictures are there and whole, and nothing is amiss\n"
    assert cfgsweep.plan(cfgsweep.open_run(folder)).pending == 0
    refused = cli("run", folder / "images")
    assert (refused.code, "not a run folder: no sweep.yaml in it" in refused.err) == (2, True)
    with pytest.raises(cfgsweep.UserError, match="not a sweep"):
        cfgsweep.plan(42)  # type: ignore[arg-type]


def test_what_a_model_refuses_does_not_become_the_sweep_of_the_folder(cli, narrowed: Path) -> None:
    before = {path.name: path.read_bytes() for path in narrowed.glob("*.yaml")}
    refused = cli("run", narrowed, "--set", "cache=taylorseer")
    assert (refused.code, "step cache" in refused.err) == (2, True)
    assert {path.name: path.read_bytes() for path in narrowed.glob("*.yaml")} == before
    assert cli("run", narrowed).code == 0


def test_a_folder_of_the_name_of_a_sweep_is_in_nobodys_way(cli, narrowed: Path) -> None:
    (narrowed / "sweep-50.yaml").mkdir()
    assert cli("verify", narrowed).out.startswith("8 of 8 pictures")
