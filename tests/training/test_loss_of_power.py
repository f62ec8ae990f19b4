"""A loss of power at any moment of publishing a model: a reader finds the old model or the new one, and it is whole.

Every change of names (rename, unlink, rmdir, mkdir) and every fsync is recorded, with what is on disk then: names as
they are or as they were at the last fsync of the folder, and of contents those alone that an fsync has written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from cfgsweep.models.source import Source
from cfgsweep.system import publish as publishing
from cfgsweep.system.publish import finish_publishing, publish, published
from tests.support.commands import finish
from tests.support.trainings import label_training

CHANGES = ("replace", "rename", "unlink", "rmdir", "mkdir")
Files = dict[str, int]  # inodes of the files of a folder by their paths in it


class PowerLosses:
    """What a reader would find below `root` after a loss of power at each moment that was recorded."""

    def __init__(self, root: Path):
        self.root, self.synced = root, {}
        self.problems, self.moments = list[str](), 0
        for path in root.rglob("*"):
            if path.is_file():
                self.synced[path.stat().st_ino] = path.read_bytes()
        self.names_on_disk = self._names()
        self.expects_a_model = bool({"model", "model.before"} & self.names_on_disk.keys())

    def _names(self) -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in self.root.iterdir() if path.is_dir()}

    def _trees(self) -> dict[int, dict[str, Path]]:
        return {
            path.stat().st_ino: {str(p.relative_to(path)): p for p in path.rglob("*") if p.is_file()}
            for path in self.root.iterdir()
            if path.is_dir()
        }

    def fsynced(self, number: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{number}"))
        if place == self.root:
            self.names_on_disk = self._names()
        elif place.is_file():
            self.synced[place.stat().st_ino] = place.read_bytes()

    def look(self, event: str) -> None:
        """Checks both the names of now, which may be on disk already, and those that surely are."""
        self.moments += 1
        trees = self._trees()
        for names in (self._names(), self.names_on_disk):
            inode = names.get("model", names.get("model.before"))
            if inode is None:
                if self.expects_a_model:
                    self.problems.append(f"after {event}: no model")
                continue
            tree = trees.get(inode, {})
            if "README.md" not in tree or "unet/weights" not in {
                name.replace("diffusion_pytorch_model.safetensors", "weights") for name in tree
            }:
                self.problems.append(f"after {event}: a part of a model")
            for name, path in tree.items():
                if self.synced.get(path.stat().st_ino) != path.read_bytes():
                    self.problems.append(f"after {event}: {name} is not on disk")


@contextmanager
def recorded(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PowerLosses]:
    losses = PowerLosses(root)
    with monkeypatch.context() as patched:
        for name in CHANGES:
            patched.setattr(os, name, _then(getattr(os, name), lambda *_, name=name: losses.look(name)))
        patched.setattr(os, "fsync", _then(os.fsync, losses.fsynced))
        yield losses


def _then(call: Callable, after: Callable) -> Callable:
    def called(*given, **options):
        found = call(*given, **options)
        after(*given)
        return found

    return called


def model(folder: Path, text: str) -> Path:
    for name in ("README.md", "unet/weights", "scheduler/config.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text} {name}")
    return folder


@pytest.mark.parametrize("before", ["model", None])
def test_a_model_is_published_whole(tmp_path: Path, monkeypatch, before: str | None) -> None:
    if before:
        model(tmp_path / before, "old")
    with recorded(tmp_path, monkeypatch) as losses:
        publish(model(tmp_path / "model.tmp", "new"), tmp_path / "model")
    assert losses.problems == []
    assert losses.moments > (8 if before else 3)
    assert losses.names_on_disk == {"model": (tmp_path / "model").stat().st_ino}
    assert (tmp_path / "model/README.md").read_text() == "new README.md"


@pytest.mark.parametrize("spared", ["_sync_tree", "sync_folder", "sync_file"])
def test_each_sync_is_needed(tmp_path: Path, monkeypatch, spared: str) -> None:
    """The recorder sees what is spared."""
    model(tmp_path / "model", "old")
    monkeypatch.setattr(publishing, spared, lambda *_: None)
    with recorded(tmp_path, monkeypatch) as losses:
        publish(model(tmp_path / "model.tmp", "new"), tmp_path / "model")
    assert losses.problems


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
    with recorded(tmp_path / "t", monkeypatch) as losses:
        assert cli("train", tmp_path / "t.yaml", "--out", tmp_path / "t", "--quiet").code == 0
    assert losses.problems == []
    assert losses.moments > 8
