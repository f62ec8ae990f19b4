"""Guiders and schedules of every kind of class can be pickled to another process."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from cfgsweep.config.instances import make_all
from cfgsweep.config.parameters import Parameters
from cfgsweep.config.user_code import allow_code
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES

MINE = """
from cfgsweep.guidance import Guider
from cfgsweep.guidance.schedulable import Numeric

class Mine(Guider):
    gain: Numeric = 1.0
"""

# Reads pickles from stdin, and prints what it finds as JSON.
READ = """
import json, pickle, sys
found = pickle.load(sys.stdin.buffer)
print(json.dumps([[type(one).__name__, one.spec(), one.id_settings(), len({one, *found}), sorted(one.model_fields_set)]
    for one in found]))
"""


def examples(folder: Path) -> list[Parameters]:
    (folder / "my.py").write_text(MINE)
    with allow_code():
        mine = {"my.py:Mine": {"gain": {"linear": {"min_val": 0.5}}}}
        return [
            *make_all(GUIDERS, {"cfg": {"start": 0.1, "sigma": [0.5, 2.0]}}),
            *make_all(GUIDERS, {"pag": {"layers": ["mid", "up.1"], "pag_scale": {"cosine": {"max_val": 3}}}}),
            *make_all(GUIDERS, {"diffusers.ClassifierFreeGuidance": {"guidance_scale": 5.0}}),
            *make_all(GUIDERS, mine),
            *make_all(SCHEDULES, {"list": [1.0, 0.5]}),
            *make_all(SCHEDULES, "cosine"),
        ]


@pytest.mark.slow
def test_another_process_has_equal_instances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = examples(tmp_path)
    assert all(map(hash, given))  # cached: the hashes of strings differ between processes
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run([sys.executable, "-c", READ], input=pickle.dumps(given), capture_output=True, cwd=elsewhere)
    assert done.returncode == 0, done.stderr.decode()
    for one, (cls, spec, settings, distinct, fields) in zip(given, json.loads(done.stdout), strict=True):
        assert (cls, spec, settings) == (type(one).__name__, one.spec(), one.id_settings())
        assert fields == sorted(one.model_fields_set)
        assert distinct == len(given)


def test_a_pickle_read_here_is_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for one in examples(tmp_path):
        again = pickle.loads(pickle.dumps(one))
        assert again == one
        assert hash(again) == hash(one)
        assert "cached_hash" in vars(one)
        assert "cached_hash" not in vars(pickle.loads(pickle.dumps(one)))


def test_a_file_that_changed_in_between_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickles = [pickle.dumps(one) for one in examples(tmp_path)]
    (tmp_path / "my.py").write_text(MINE + "open('it-ran', 'w')\n")
    with pytest.raises(UserError, match="has changed since the run began"):
        pickle.loads(pickles[3])
    assert not (tmp_path / "it-ran").exists()
