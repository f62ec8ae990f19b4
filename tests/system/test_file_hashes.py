"""Hashes of files are those of their contents, and a large file is read once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from cfgsweep.system import file_hashes
from cfgsweep.system.file_hashes import LARGE, sha256_of_files


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/cfgsweep/file-hashes.json"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"a" * LARGE)
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read, in order."""
    names: list[str] = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, kind: names.append(file.name) or digest(file, kind))
    return names


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_large_file_is_read_once(cache: Path, large: Path, tmp_path: Path, read: list[str]) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"b")
    expected = [sha256(large), sha256(small)]
    assert [sha256_of_files([large, small]) for _ in range(3)] == [expected] * 3
    assert read.count(str(large)) == 1
    assert read.count(str(small)) == 3
    assert cache.is_file()


def test_an_edit_that_keeps_size_and_time_is_noticed(cache: Path, large: Path) -> None:
    before = large.stat()
    assert sha256_of_files([large]) == [sha256(large)]
    with open(large, "r+b") as file:
        file.write(b"z")
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert sha256_of_files([large]) == [sha256(large)]


def test_another_file_in_its_place_is_noticed(cache: Path, large: Path, tmp_path: Path) -> None:
    assert sha256_of_files([large]) == [sha256(large)]
    other = tmp_path / "other"
    other.write_bytes(b"c" * LARGE)
    os.utime(other, ns=(large.stat().st_atime_ns, large.stat().st_mtime_ns))
    other.replace(large)
    assert sha256_of_files([large]) == [sha256(large)]


def test_a_link_has_the_hash_of_its_file(cache: Path, large: Path, tmp_path: Path, read: list[str]) -> None:
    link = tmp_path / "link"
    link.symlink_to(large)
    assert sha256_of_files([link]) == sha256_of_files([large])
    assert len(read) == 1


@pytest.mark.parametrize("text", ["", "na", '{"x": 3}', '{"x": [["a"], "b"]}', '{"x": [[1e999], "b"]}', "[" * 10000])
def test_a_damaged_cache_is_written_anew(cache: Path, large: Path, text: str) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text(text)
    assert sha256_of_files([large]) == [sha256(large)]
    assert str(large) in cache.read_text()


def test_hashes_are_computed_where_none_can_be_remembered(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert sha256_of_files([large]) == [sha256(large)]


def test_the_cache_stays_small(cache: Path, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_hashes, "MOST_REMEMBERED", 2)
    monkeypatch.setattr(file_hashes, "LARGE", 1)
    paths = [tmp_path / str(number) for number in range(4)]
    for path in paths:
        path.write_text(path.name)
    assert sha256_of_files(paths) == [sha256(path) for path in paths]
    assert sorted(file_hashes._remembered()) == [str(path) for path in paths[2:]]


def test_a_missing_file_is_an_error(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256_of_files([tmp_path / "nothing"])
