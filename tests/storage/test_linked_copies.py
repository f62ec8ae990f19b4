"""Copies of folders by `cp -al`, whose files are the same until one of them is replaced."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from cfgsweep.system.files import append, open_atomic
from tests.support.commands import finish_here
from tests.support.run_state import records_of
from tests.support.trainings import RECIPE, label_training

SWEEP = "name: l\nmodel: {model}\nlabel: [0, 1]\nseed: [1]\nsteps: 2\nguider: cfg\nvalue: [1, 3]\n"


def linked_copy(folder: Path) -> Path:
    """`cp -al`."""
    return Path(shutil.copytree(folder, folder.with_name("copy"), copy_function=os.link))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_nothing_that_a_run_does_in_a_linked_copy_changes_the_original(cli, labelled, tmp_path, sweep_file) -> None:
    path = sweep_file(SWEEP.format(model=labelled))
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    assert cli("phase", path, "--low", 1, "--high", 3, "--scan", 5, "--out", tmp_path / "r").code == 0
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    (tmp_path / "r/images/.x.999999999.tmp").write_text("half")
    (tmp_path / "r/.lock.holder").write_text("process 1")
    before, copy = contents(tmp_path / "r"), linked_copy(tmp_path / "r")
    records = len(records_of(copy))
    assert cli("run", path, "--out", copy, "--set", "seed=[1,2]", "--set", "metrics=[contrast]", "--limit", 2).code == 0
    assert cli("phase", path, "--low", 1, "--high", 4, "--scan", 5, "--out", copy).code == 0
    assert cli("grid", copy).code == 0
    assert len(records_of(copy)) > records
    assert contents(tmp_path / "r") == before


def test_a_record_is_appended_to_a_linked_copy_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\ntw")
    os.link(tmp_path / "a", tmp_path / "b")
    append(tmp_path / "b", b"three\n")
    assert (tmp_path / "a").read_text() == "one\ntw"
    assert (tmp_path / "b").read_text() == "one\ntw\nthree\n"


def test_a_temporary_file_is_never_one_that_is_there(tmp_path: Path, monkeypatch) -> None:
    """It could be linked to anything."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "00000000")
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".x.00000000.tmp").symlink_to(tmp_path / "mine")
    with pytest.raises(FileExistsError), open_atomic(tmp_path / "x"):
        pass
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with a training `t` that is not finished, and its file `t.yaml`."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = {**RECIPE, "sample_every": 2}
    shape = {"channels": [8, 16], "groups": 4, "recipe": recipe}
    config = {key: value for key, value in label_training(denoiser=shape).items() if key != "classifier"}
    (folder / "t.yaml").write_text(yaml.safe_dump(config))
    finish_here("train", folder / "t.yaml", "--out", folder / "t", "--quiet")
    return folder


@pytest.mark.slow
def test_nothing_that_a_training_does_in_a_linked_copy_changes_the_original(cli, trained: Path) -> None:
    (trained / "t/denoiser/checkpoint.pt").unlink()  # so that it begins again
    (trained / "t/denoiser/.checkpoint.pt.999999999.tmp").write_text("half")
    before, copy = contents(trained / "t"), linked_copy(trained / "t")
    assert cli("train", trained / "t.yaml", "--out", copy).code == 0
    assert not (copy / "denoiser/.checkpoint.pt.999999999.tmp").exists()
    assert contents(trained / "t") == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["denoiser/log.jsonl", "denoiser/samples-000002.png", "model/unet"])
def test_trainings_follow_no_link_at_any_depth(cli, trained: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(trained / "t", tmp_path / "t"))
    shutil.move(folder / name, tmp_path / "outside")
    (folder / name).symlink_to(tmp_path / "outside")
    outside = (tmp_path / "outside").read_bytes() if (tmp_path / "outside").is_file() else None
    refused = cli("train", trained / "t.yaml", "--out", folder)
    assert refused.code == 2
    assert "a link" in refused.err
    assert outside is None or (tmp_path / "outside").read_bytes() == outside
