"""A loss of power at any moment of publishing a model: a reader finds the old model or the new one, and it is whole.

The order of writes, fsyncs and renames is recorded, and every state of the disk that it allows is looked at
(`support/power_loss.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from cfgsweep.models.source import Source
from cfgsweep.system import publish as publishing
from cfgsweep.system.publish import finish_publishing, publish, published
from tests.support.commands import finish
from tests.support.power_loss import PowerLosses, Tree, part_of, recorded, tree_of
from tests.support.trainings import label_training


def problems_of(losses: PowerLosses, *whole: Tree) -> list[str]:
    """The moments after which a reader finds none of these models."""
    return [
        event for event, tree in losses.trees if (part_of(tree, "model") or part_of(tree, "model.before")) not in whole
    ]


def model(folder: Path, text: str) -> Path:
    for name in ("README.md", "unet/weights", "scheduler/config.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text} {name}")
    return folder


@pytest.mark.parametrize("before", ["model", None])
def test_a_model_is_published_whole(tmp_path: Path, monkeypatch, before: str | None) -> None:
    old = tree_of(model(tmp_path / before, "old")) if before else {}
    with recorded(tmp_path, monkeypatch) as losses:
        new = tree_of(model(tmp_path / "model.tmp", "new"))
        publish(tmp_path / "model.tmp", tmp_path / "model")
    assert problems_of(losses, old, new) == []
    assert len(losses.trees) > (20 if before else 10)
    assert losses.surely == tree_of(tmp_path) == {"model": None, **{f"model/{path}": new[path] for path in new}}


@pytest.mark.parametrize("spared", ["_sync_tree", "sync_folder", "sync_file"])
def test_each_sync_is_needed(tmp_path: Path, monkeypatch, spared: str) -> None:
    """The recorder sees what is spared."""
    old = tree_of(model(tmp_path / "model", "old"))
    monkeypatch.setattr(publishing, spared, lambda *_: None)
    with recorded(tmp_path, monkeypatch) as losses:
        new = tree_of(model(tmp_path / "model.tmp", "new"))
        publish(tmp_path / "model.tmp", tmp_path / "model")
    assert problems_of(losses, old, new)


def test_a_reader_takes_the_old_model_while_the_new_one_is_not_there(labelled: Path, tmp_path: Path) -> None:
    shutil.copytree(labelled, tmp_path / "model.before")
    assert published(tmp_path / "model") == tmp_path / "model.before"
    source = Source.of(str(tmp_path / "model"))
    assert (source.name, source.place) == (str(tmp_path / "model"), str(tmp_path / "model.before"))
    finish_publishing(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.slow
def test_a_training_publishes_its_model_so(cli, tmp_path: Path, monkeypatch) -> None:
    config = {key: value for key, value in label_training().items() if key != "classifier"}
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(config))
    finish("train", tmp_path / "t.yaml", "--out", tmp_path / "t", "--quiet")
    old = tree_of(tmp_path / "t/model")
    with recorded(tmp_path / "t", monkeypatch) as losses:
        assert cli("train", tmp_path / "t.yaml", "--out", tmp_path / "t", "--quiet").code == 0
    assert problems_of(losses, old, tree_of(tmp_path / "t/model")) == []
    assert len(losses.trees) > 8
