"""Names of files are bytes, and need not be UTF-8; what is written about them is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cfgsweep.storage.run_folder import RunFolder
from tests.support.commands import command
from tests.support.run_state import records_of

SWEEP = "name: u\nmodel: {model}\nlabel: [0, 1]\nsteps: 1\nguider: cfg\nvalue: 3\n"


def words(sweep: Path, out: bytes, *more: object) -> list[bytes]:
    return [*map(os.fsencode, command("run", sweep, "--quiet", *more)), b"--out", out]


@pytest.fixture
def odd(labelled: Path, tmp_path: Path, sweep_file) -> Path:
    """A run in a folder whose name has the byte ff, made by a command line."""
    out = os.fsencode(tmp_path) + b"/r\xff"
    subprocess.run(words(sweep_file(SWEEP.format(model=labelled)), out), check=True)
    return Path(os.fsdecode(out))


def test_the_environment_stays_readable_and_keeps_the_fingerprint(odd: Path, labelled: Path) -> None:
    text = (odd / "environment.json").read_bytes().decode()
    assert "\\udcff" in json.loads(text)["command"]
    text.encode("utf-16-le")  # JSON of any reader: no half of a surrogate pair, also where it is escaped
    json.loads(text)["command"].encode()
    found = RunFolder(odd).environment()
    assert found is not None
    assert not RunFolder(odd).environment_is_lost()
    assert found.models[str(labelled)].fingerprint


def test_an_environment_of_earlier_versions_with_such_a_command_is_read(cli, odd: Path, labelled: Path) -> None:
    path = odd / "environment.json"
    fields = {**json.loads(path.read_text()), "command": "cfgsweep run --out r\udcff"}
    path.write_text(json.dumps(fields))
    assert not RunFolder(odd).environment_is_lost()
    assert RunFolder(odd).environment().models[str(labelled)].fingerprint
    assert cli("verify", odd).code == 0


def test_a_model_folder_with_such_a_name_is_refused(labelled: Path, tmp_path: Path, sweep_file) -> None:
    """Records could not name it."""
    model = os.fsencode(tmp_path) + b"/m\xff"
    shutil.copytree(os.fsencode(labelled), model)
    given = words(sweep_file(SWEEP.format(model=labelled)), os.fsencode(tmp_path) + b"/r")
    done = subprocess.run([*given, b"--model", model], capture_output=True)
    assert done.returncode == 2, done.stderr
    assert b"not UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "r").exists() or not records_of(tmp_path / "r")


def test_a_training_is_refused_before_it_begins(tmp_path: Path) -> None:
    """Weights cannot be saved under such a name."""
    out = os.fsencode(tmp_path) + b"/t\xff"
    done = subprocess.run([*map(os.fsencode, command("train", "digits")), b"--out", out], capture_output=True)
    assert done.returncode == 2, done.stderr
    assert b"not UTF-8" in done.stderr
    assert not os.path.exists(out)
