"""The order of writes, so that a loss of power leaves a file whole or absent, and what is written stays."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cfgsweep.system.files import append, make_folder, open_atomic


@pytest.fixture
def order(monkeypatch) -> list[str]:
    """What is synced and renamed, in order."""
    seen: list[str] = []

    def noting(call: Callable, name: Callable[..., str]) -> Callable:
        def called(*given):
            seen.append(name(*given))
            return call(*given)

        return called

    def kind(number: int) -> str:
        return "sync folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "sync file"

    monkeypatch.setattr(os, "fsync", noting(os.fsync, kind))
    monkeypatch.setattr(os, "replace", noting(os.replace, lambda *_: "rename"))
    return seen


def test_a_file_is_on_disk_before_its_name_and_its_name_before_the_next_step(tmp_path: Path, order) -> None:
    with open_atomic(tmp_path / "x") as file:
        file.write(b"x")
    assert order == ["sync file", "rename", "sync folder"]


def test_lines_are_on_disk_and_the_name_of_a_new_file_too(tmp_path: Path, order) -> None:
    append(tmp_path / "x", b"1\n")
    append(tmp_path / "x", b"2\n")
    assert order == ["sync file", "sync folder", "sync file"]


def test_names_of_new_folders_are_on_disk(tmp_path: Path, order) -> None:
    make_folder(tmp_path / "a/b")
    make_folder(tmp_path / "a/b")
    assert order == ["sync folder"] * 2
