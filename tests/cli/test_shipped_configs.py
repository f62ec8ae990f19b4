"""Configs that come with the package: listed, printed, and found by name where there is no such file."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfgsweep.errors import UserError
from cfgsweep.execution.shipped_configs import CONFIGS, find_config, shipped_configs

ROOT = Path(__file__).parents[2]
SWEEPS = sorted(path.stem for path in ROOT.glob("configs/*.yaml"))
TRAININGS = sorted(path.stem for path in ROOT.glob("configs/train/*.yaml"))


def test_all_are_listed_with_a_description(cli) -> None:
    _, *lines = cli("configs").out.splitlines()
    assert [line.split()[0] for line in lines] == [*SWEEPS, *TRAININGS]
    assert [line.split()[1] for line in lines] == ["run"] * len(SWEEPS) + ["train"] * len(TRAININGS)
    for config in shipped_configs().values():
        assert 20 < len(config.description) <= 120


def test_one_is_printed_as_it_is(cli) -> None:
    for name in [*SWEEPS, *TRAININGS]:
        path = next(path for path in (CONFIGS / f"{name}.yaml", CONFIGS / f"train/{name}.yaml") if path.is_file())
        assert cli("configs", name).out == path.read_text()
    refused = cli("configs", "tnrom")
    assert refused.code == 2
    assert "did you mean 'tnorm'?" in refused.err


def test_commands_find_one_by_its_name(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("plan", "tnorm").out == cli("plan", ROOT / "configs/tnorm.yaml").out
    refused = cli("phase", "phase", "--low", "1", "--high", "0")
    assert "the range is empty" in refused.err
    refused = cli("train", "digits", "--set", "denoiser=1")
    assert "--set: denoiser" in refused.err
    for command, name, nearest in [("run", "window", "windows"), ("train", "digit", "digits")]:
        refused = cli(command, name)
        assert refused.code == 2
        assert f"did you mean '{nearest}'?" in refused.err


def test_a_file_or_folder_of_that_name_goes_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("tnorm", "sweep") == CONFIGS / "tnorm.yaml"
    Path("tnorm").write_text("name: mine")
    assert find_config("tnorm", "sweep") == Path("tnorm")
    assert find_config("my.yaml", "sweep") == Path("my.yaml")
    assert find_config("x" * 5000 + "/y", "sweep").name == "y"
    with pytest.raises(UserError, match="unknown training file"):
        find_config("tnorms", "training")
