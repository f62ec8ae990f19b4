"""A loss of power at any moment of a training or of publishing its model.

A reader finds the old model or the new one, and it is whole; the same command goes on to the model of a training that
was not disturbed. The order of writes, fsyncs and renames is recorded, and every state of the disk that it allows is
looked at (`support/power_loss.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cfgsweep.models.source import Source
from cfgsweep.system import files
from cfgsweep.system import publish as publishing
from cfgsweep.system.publish import finish_publishing, publish, published
from tests.support.commands import finish
from tests.support.power_loss import PowerLosses, Tree, part_of, recorded, tree_of, write_tree
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


LOCKS = {"t/.lock", "t/.lock.holder"}
RECIPE = {"steps": 2, "batch": 8, "learning_rate": 0.002, "checkpoint_every": 1, "sample_every": 100}
SHAPE = {"channels": [8, 16], "recipe": RECIPE}


def training_file(place: Path, **changes: Any) -> Path:
    """A training file of a denoiser and a classifier, in which each writes a checkpoint at every step."""
    parts = {"denoiser": {**SHAPE, "groups": 4}, "classifier": {**SHAPE, "layers_per_block": 1}, **changes}
    config = {key: value for key, value in label_training(**parts).items() if value is not None}
    (place / "t.yaml").write_text(yaml.safe_dump(config))
    return place / "t.yaml"


@pytest.mark.slow
def test_a_training_publishes_its_model_so(cli, tmp_path: Path, monkeypatch) -> None:
    config = training_file(tmp_path, classifier=None)
    finish("train", config, "--out", tmp_path / "t", "--quiet")
    old = tree_of(tmp_path / "t/model")
    with recorded(tmp_path / "t", monkeypatch) as losses:
        assert cli("train", config, "--out", tmp_path / "t", "--quiet").code == 0
    assert problems_of(losses, old, tree_of(tmp_path / "t/model")) == []
    assert len(losses.trees) > 8


class Replay:
    """A training that is repeated in each state of the disk that a loss of power may have left."""

    def __init__(self, cli: Callable[..., Any], config: Path, place: Path):
        self.cli, self.config, self.place = cli, config, place
        assert self.train(place / "whole/t") == ""
        self.tree = tree_of(place / "whole")

    def train(self, out: Path) -> str:
        """The error output, empty where the training was finished."""
        told = self.cli("train", self.config, "--out", out, "--quiet")
        return "" if told.code == 0 else told.err

    def recorded(self, begin: Tree, monkeypatch: pytest.MonkeyPatch) -> PowerLosses:
        with recorded(write_tree(begin, self.place / "disk"), monkeypatch) as losses:
            assert self.train(self.place / "disk/t") == ""
        return losses

    def problems(self, losses: PowerLosses) -> Iterator[str]:
        """What is wrong after a loss of power, with its moment."""
        at_the_end = tree_of(self.place / "disk")
        if lost := {path for path in at_the_end if losses.surely.get(path, b"") != at_the_end[path]} - LOCKS:
            yield f"the end: {lost} may be lost"
        for event, tree in different_beside("t/model.tmp", losses.trees):
            out = write_tree(tree, self.place / "replayed") / "t"
            if error := self.train(out):
                yield f"{event}: {error}"
            elif tree_of(out / "model") != part_of(self.tree, "t/model"):
                yield f"{event}: another model"
            elif left := {path.name for path in out.rglob("*")} - {Path(path).name for path in self.tree}:
                yield f"{event}: {left} is left"
            shutil.rmtree(self.place / "replayed")


@pytest.mark.slow
@pytest.mark.parametrize("before", ["nothing", "a checkpoint", "a model"])
def test_a_training_goes_on(cli, tmp_path: Path, monkeypatch, before: str) -> None:
    """After a loss of power in a new training, in one that was resumed, and in one that publishes its model anew."""
    parts = {"classifier": None} if before == "a model" else {}
    replay = Replay(cli, training_file(tmp_path, **parts), tmp_path)
    begin = {"nothing": lambda: {}, "a checkpoint": lambda: half_done(replay), "a model": lambda: replay.tree}[before]
    losses = replay.recorded(begin(), monkeypatch)
    assert len(losses.trees) > (8 if before == "a model" else 40)
    assert list(replay.problems(losses)) == []


def half_done(replay: Replay) -> Tree:
    """A training whose denoiser is trained, with a half-written checkpoint of the classifier and a half-saved model."""
    tree = dict(replay.tree)
    saved = tree.pop("t/classifier/checkpoint.pt")
    tree["t/classifier/.checkpoint.pt.89abcdef.tmp"] = saved[:1000]
    return {path.replace("t/model", "t/model.tmp"): content for path, content in tree.items() if "README" not in path}


def different_beside(folder: str, trees: list[tuple[str, Tree]]) -> list[tuple[str, Tree]]:
    """The last of those trees that differ only in what is in a folder, which is removed as a whole."""
    return list(
        {
            frozenset(pair for pair in tree.items() if not pair[0].startswith(f"{folder}/")): (event, tree)
            for event, tree in trees
        }.values()
    )


@pytest.mark.slow
@pytest.mark.parametrize("spared", ["sync_file", "sync_folder"])
def test_each_sync_of_a_training_is_needed(cli, tmp_path: Path, monkeypatch, spared: str) -> None:
    """The replay sees what is spared."""
    replay = Replay(cli, training_file(tmp_path, classifier=None), tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(files, spared, lambda *_: None)
        losses = replay.recorded({}, patched)
    assert next(replay.problems(losses), None)
