"""`cfgsweep init` writes a sweep file that runs as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.json_schemas import checker
from tests.support.run_state import records_of


@pytest.mark.parametrize(("words", "file"), [((), "sweep.yaml"), (("foxes",), "foxes.yaml"), (("a/b.yml",), "a/b.yml")])
def test_a_sweep_to_start_from(cli, tmp_path: Path, monkeypatch, words: tuple[str, ...], file: str) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("init", *words)
    assert (done.code, done.out) == (0, f"{file}\ncfgsweep run {file}\n")
    checker().validate(yaml.safe_load((tmp_path / file).read_text()))
    assert cli("plan", file).out.startswith(f"{Path(file).stem}: 2 seed x 4 value")
    before = (tmp_path / file).read_text()
    again = cli("init", *words)
    assert (again.code, "there is such a file already" in again.err) == (2, True)
    assert (tmp_path / file).read_text() == before


@pytest.mark.parametrize("name", ["123", "true", "null", "1e3"])
def test_names_that_yaml_takes_for_something_else(cli, tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("init", name).code == 0
    assert cli("plan", f"{name}.yaml").out.startswith(f"{name}: ")


@pytest.mark.parametrize("name", ["two words", "-x", "a\nb: c", "con", "é", "x" * 101])
def test_what_is_no_name_is_refused(cli, tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    refused = cli("init", "--", name)
    assert (refused.code, "error: NAME" in refused.err) == (2, True), refused.err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_it_runs_as_it_is(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    cli("init")
    assert cli("run", "sweep.yaml", "--quiet").code == 0
    assert len(records_of(tmp_path / "outputs/sweep")) == 8
