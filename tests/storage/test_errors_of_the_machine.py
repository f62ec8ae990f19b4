"""Errors of the machine, such as a file server that is gone, are told in words and never taken for damage."""

from __future__ import annotations

import builtins
import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cfgsweep.storage.png import hash_of_file
from cfgsweep.system.locks import held
from tests.support.commands import finish_here
from tests.support.run_state import records_of, state_of

SWEEP = "name: m\nmodel: {model}\nlabel: [0, 1]\nsteps: 2\nguider: cfg\nvalue: [1, 3]\n"
OF_THE_MACHINE = [
    *(errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EINVAL, errno.EBUSY, errno.ENOMEM),
    *(errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO, errno.EHOSTDOWN, errno.EMFILE, errno.EACCES),
]


@pytest.fixture(scope="module")
def finished(labelled: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "s.yaml").write_text(SWEEP.format(model=labelled))
    finish_here("run", folder / "s.yaml", "--out", folder / "r", "--quiet")
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished / "r", tmp_path / "r"))


def failing(monkeypatch, owner: object, name: str, number: int, concerns: Callable[[object], bool]) -> None:
    """Makes a function of the system fail with this number where its first argument is concerned."""
    original = getattr(owner, name)

    def fail_or_call(*given, **options):
        if given and concerns(given[0]):
            raise OSError(number, os.strerror(number))
        return original(*given, **options)

    monkeypatch.setattr(owner, name, fail_or_call)


def is_picture(file: object) -> bool:
    return "/images/" in str(file)


@pytest.mark.parametrize("number", OF_THE_MACHINE)
def test_errors_of_the_machine_are_told_in_words(cli, finished: Path, run: Path, monkeypatch, number: int) -> None:
    """Whatever a run reads or writes: what fails is named, nothing is taken for damage, and nothing is lost."""
    before = state_of(run)
    for owner, name, concerns in (
        (builtins, "open", is_picture),
        (os, "stat", is_picture),
        (os, "stat", lambda file: str(file).endswith("experiments.jsonl")),
        (os, "fsync", lambda file: isinstance(file, int)),
        (os, "replace", lambda file: True),
    ):
        with monkeypatch.context() as patched:
            failing(patched, owner, name, number, concerns)
            told = cli("run", finished / "s.yaml", "--out", run)
        assert told.code == 1, "the failure was not met"
        assert os.strerror(number) in told.err
        assert "damaged" not in told.err
        assert "records" not in told.err
        assert state_of(run) == before


def test_verify_goes_on_after_a_picture_that_cannot_be_read(cli, run: Path, monkeypatch) -> None:
    one = records_of(run)[1]["id"]
    failing(monkeypatch, builtins, "open", errno.EIO, lambda file: one in str(file))
    found = cli("verify", run)
    assert found.code == 1
    assert f"{one}: its picture cannot be read: Input/output error" in found.out
    assert found.out.count("cannot be read") == 1


def test_a_hash_is_not_none_because_the_machine_failed(run: Path, monkeypatch) -> None:
    picture = next(run.glob("images/*.png"))
    failing(monkeypatch, builtins, "open", errno.ESTALE, is_picture)
    with pytest.raises(OSError, match="Stale") as told:
        hash_of_file(picture)
    assert told.value.filename == str(picture)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
@pytest.mark.parametrize("wait", [[], ["--wait"]])
def test_a_file_system_without_locks(cli, labelled, tmp_path, sweep_file, monkeypatch, number, wait) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    told = cli("run", sweep_file(SWEEP.format(model=labelled)), "--out", tmp_path / "r", *wait)
    assert told.code == 1
    for word in ("gives no locks", os.strerror(number), "--out"):
        assert word in told.err
    assert "another command" not in told.err
    assert {path.name for path in (tmp_path / "r").iterdir()} <= {"images", "grids", ".lock"}


def test_a_lock_writes_nothing_into_a_linked_copy(tmp_path: Path) -> None:
    """A holder's file that a kill left behind may be one file with that of a copy by `cp -al`."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a/.lock.holder").write_text("process 1")
    os.link(tmp_path / "a/.lock.holder", tmp_path / "b/.lock.holder")
    with held(tmp_path / "b", False, print):
        assert (tmp_path / "a/.lock.holder").read_text() == "process 1"
