"""Records the order in which a folder is written, and gives what a loss of power at each moment may leave of it.

Every change of names (rename, unlink, rmdir, mkdir) and every fsync is a moment, before and after; new files and their
contents are seen at the next one. What an fsync has not written may be on disk or not: the names of each folder are
those of now or those of its last fsync, and contents are those of now, those of the last fsync of the file, or cut
short in between.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

CHANGES = ("replace", "rename", "unlink", "rmdir", "mkdir")

Tree = dict[str, bytes | None]  # contents of files by their paths in a folder; None for a folder
Names = dict[str, int]  # of a folder: inodes by name


def tree_of(folder: Path) -> Tree:
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


def part_of(tree: Tree, folder: str) -> Tree:
    """What is in a folder of a tree."""
    return {path[len(folder) + 1 :]: content for path, content in tree.items() if path.startswith(f"{folder}/")}


def write_tree(tree: Tree, folder: Path) -> Path:
    for path, content in {"": None, **tree}.items():
        place = folder / path if content is None else (folder / path).parent
        place.mkdir(parents=True, exist_ok=True)
        if content is not None:
            (folder / path).write_bytes(content)
    return folder


class PowerLosses:
    """What may be in the folder `root` after a loss of power.

    moments: what happened, in its order. trees: all different contents of the folder, each with the first moment at
    which it is possible. surely: the one of them, at the last moment, that has only what an fsync has written.
    """

    def __init__(self, root: Path):
        self.root = root
        self.moments: list[str] = []
        self.trees: list[tuple[str, Tree]] = []
        self.surely: Tree = {}
        self._known: set[frozenset[tuple[str, bytes | None]]] = set()
        self._lock = threading.RLock()
        self._open = ExitStack()  # of all files and folders, so that no inode number is given twice
        self._kept: set[int] = set()
        self._root = root.stat().st_ino
        self._names: dict[int, Names] = {}  # of folders, as they are
        self._contents: dict[int, bytes] = {}  # of files, as they are
        self._look()
        self._synced_names, self._synced_contents = dict(self._names), dict(self._contents)
        self._collect("the beginning")

    def recording(self, name: str, call: Callable) -> Callable:
        """The function of `os`, recorded."""

        def recorded(*given, **options):
            with self._lock:
                self._moment(f"before {name} {_shown(given[0])}")
                found = call(*given, **options)
                if name == "fsync":
                    self._synced(os.fstat(given[0]).st_ino)
                self._moment(f"after {name} {_shown(given[0])}")
                return found

        return recorded

    def close(self) -> None:
        self._moment("the end")
        self._open.close()

    def _moment(self, event: str) -> None:
        self._look()
        self.moments.append(event)
        self._collect(event)

    def _look(self) -> None:
        """Reads the names and contents of now."""
        folders = [self.root]
        for folder in folders:
            names = self._names[self._inode(folder)] = {}
            for path in folder.iterdir():
                names[path.name] = self._inode(path)
                if path.is_dir():
                    folders.append(path)
                else:
                    self._contents[names[path.name]] = path.read_bytes()

    def _inode(self, path: Path) -> int:
        inode = path.stat().st_ino
        if inode not in self._kept:
            self._kept.add(inode)
            self._open.callback(os.close, os.open(path, os.O_RDONLY))
        return inode

    def _synced(self, inode: int) -> None:
        if inode in self._names:
            self._synced_names[inode] = dict(self._names[inode])
        elif inode in self._contents:
            self._synced_contents[inode] = self._contents[inode]

    def _collect(self, event: str) -> None:
        """Adds what may be on disk now, and was not possible before."""
        for names in self._names_on_disk():
            for contents in self._contents_on_disk():
                self.surely = dict(_paths(self._root, names, contents))
                if (key := frozenset(self.surely.items())) not in self._known:
                    self._known.add(key)
                    self.trees.append((event, self.surely))

    def _names_on_disk(self) -> Iterator[dict[int, Names]]:
        """Names of now or of the last fsync: of all folders, or of one of them. All of the last fsync come last."""
        now, synced = self._names, {inode: self._synced_names.get(inode, {}) for inode in self._names}
        yield now
        for inode in now:
            if now[inode] != synced[inode]:
                yield {**now, inode: synced[inode]}
                yield {**synced, inode: now[inode]}
        yield synced

    def _contents_on_disk(self) -> Iterator[dict[int, bytes]]:
        """Contents of now, half of what was added since the last fsync, and contents of the last fsync."""
        now, synced = self._contents, {inode: self._synced_contents.get(inode, b"") for inode in self._contents}
        yield now
        yield {inode: _cut(synced[inode], now[inode]) for inode in now}
        yield synced


def _cut(before: bytes, now: bytes) -> bytes:
    """A content that is written, at half of it."""
    start = len(before) if now.startswith(before) else 0
    return now[: start + (len(now) - start) // 2]


def _paths(
    folder: int, names: dict[int, Names], contents: dict[int, bytes], place: str = ""
) -> Iterator[tuple[str, bytes | None]]:
    for name, inode in names.get(folder, {}).items():
        path = f"{place}{name}"
        yield path, contents.get(inode)
        yield from _paths(inode, names, contents, f"{path}/")


def _shown(given: object) -> str:
    return Path(os.readlink(f"/proc/self/fd/{given}") if isinstance(given, int) else str(given)).name


@contextmanager
def recorded(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PowerLosses]:
    """Records what this process writes below a folder."""
    losses = PowerLosses(root)
    with monkeypatch.context() as patched:
        for name in (*CHANGES, "fsync"):
            patched.setattr(os, name, losses.recording(name, getattr(os, name)))
        yield losses
    losses.close()
